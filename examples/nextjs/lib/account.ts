/** What the page shows of a user. The server and the browser read it alike. */
import { ProblemError, type Balance, type ScripClient, type Transactions } from "scrip-client";

/** The balance and the last transactions of a user. */
export interface Account {
  balance: Balance;
  transactions: Transactions["items"];
}

/** Reads the account of a user, or returns `undefined` for a user without a wallet. */
export async function readAccount(
  client: ScripClient,
  userId: string,
): Promise<Account | undefined> {
  try {
    const [balance, { items }] = await Promise.all([
      client.balance(userId),
      client.transactions(userId, { pageSize: 10 }),
    ]);
    return { balance, transactions: items };
  } catch (error) {
    if (error instanceof ProblemError && error.code === "wallet_not_found") return undefined;
    throw error;
  }
}
