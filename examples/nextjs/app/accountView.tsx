"use client";
/** Balance, history and chat of a user. It reads from Scrip with a user token, not from the app. */
import { useState } from "react";
import { ScripClient } from "scrip-client";
import { readAccount, type Account } from "@/lib/account";
import type { Access } from "./api/token/route";
import { Chat } from "./chat";

export function AccountView({ initial }: { initial: Account }) {
  const [{ balance, transactions }, setAccount] = useState(initial);

  /** Reads again, after a chat or when the user asks for it. */
  const refresh = async () => {
    const response = await fetch("/api/token");
    if (!response.ok) return;
    const { userId, ...access } = (await response.json()) as Access;
    const account = await readAccount(new ScripClient(access), userId);
    if (account) setAccount(account);
  };

  return (
    <>
      <p>
        <strong id="available">{balance.availableCredits}</strong> credits,{" "}
        <span id="held">{balance.held}</span> held{" "}
        <button onClick={refresh}>Refresh</button>
      </p>
      <Chat onEnd={refresh} />
      <h2>Last transactions</h2>
      <table>
        <tbody>
          {transactions.map(({ id, createdAt, type, amount, errorCode }) => (
            <tr key={id}>
              <td>{createdAt.slice(0, 19).replace("T", " ")}</td>
              <td>{errorCode ? `refused: ${errorCode}` : type}</td>
              <td>{amount}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
