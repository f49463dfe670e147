/** Chat and balance. The browser reads from Scrip with a user token, not from the app. */
const element = (id) => document.getElementById(id);
let call = new AbortController();

/** Reads the balance and the last transactions again. */
async function refresh() {
  const response = await fetch("/api/token");
  if (!response.ok) return;
  const { url, userId, token } = await response.json();
  const read = async (what) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${url}/v1/users/${userId}/${what}`, { headers })).json();
  };
  const [balance, history] = await Promise.all([read("balance"), read("transactions")]);
  element("available").textContent = balance.availableCredits;
  element("held").textContent = balance.held;
  element("rows").replaceChildren(...history.items.map(row));
}

function row({ createdAt, type, errorCode, amount }) {
  const line = document.createElement("tr");
  const time = createdAt.slice(0, 19).replace("T", " ");
  for (const text of [time, errorCode ? `refused: ${errorCode}` : type, amount]) {
    line.insertCell().textContent = text;
  }
  return line;
}

/** Sends a prompt and shows each part of the answer. */
async function stream(prompt, signal) {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ prompt });
  const response = await fetch("/api/chat", { method: "POST", headers, body, signal });
  if (response.status === 402) {
    const { missing } = await response.json();
    throw new Error(`missing credits: ${missing}; buy some, and ask again`);
  }
  if (!response.ok) throw new Error(await response.text());
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    element("answer").append(part.value);
  }
}

element("chat").addEventListener("submit", async (event) => {
  event.preventDefault();
  call.abort();
  call = new AbortController();
  const { signal } = call;
  element("answer").textContent = element("error").textContent = "";
  try {
    await stream(new FormData(event.target).get("prompt"), signal);
  } catch (error) {
    if (!signal.aborted) element("error").textContent = String(error);
  }
  await refresh();
});
element("stop").addEventListener("click", () => call.abort());
element("refresh").addEventListener("click", refresh);
