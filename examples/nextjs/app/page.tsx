/** The page: it is rendered with the balance, and the components of the browser keep it current. */
import { currentUser } from "@/lib/currentUser";
import { readAccount } from "@/lib/account";
import { ledger } from "@/lib/ledger";
import { settings } from "@/lib/settings";
import { AccountView } from "./accountView";

export default async function Page(props: PageProps<"/">) {
  const userId = await currentUser();
  const account = userId ? await readAccount(ledger(), userId) : undefined;
  if (!userId || !account) return <SignUp />;
  const isTest = (await props.searchParams)["checkout"] === "test" && !settings.stripeKey();
  return (
    <main>
      <h1>Hello, {userId}</h1>
      <form method="post" action="/api/checkout">
        <button>Buy credits</button>
      </form>
      {isTest && (
        <p>
          STRIPE_SECRET_KEY is not set. Pay with <code>npm run test-payment -- {userId}</code> and
          reload the page.
        </p>
      )}
      <AccountView initial={account} />
    </main>
  );
}

function SignUp() {
  return (
    <form method="post" action="/api/sign-up">
      <h1>Sign up</h1>
      <input name="user" placeholder="ada" pattern="[a-z0-9\-]{1,32}" required />
      <button>Sign up</button>
    </form>
  );
}
