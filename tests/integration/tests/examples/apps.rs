//! The web apps in `examples`, used by a browser from the sign-up to a payment.

use testkit::broker::TIMEOUT;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

use crate::{
    browser::Browser,
    documented,
    running::{App, FASTAPI, NEXTJS, Running},
};

/// The bonus of a registration without a configuration of it.
const BONUS: i64 = 20;
/// The credits of the package `lite`, with its bonus.
const PACKAGE: i64 = 110;
/// What both apps log when the hold of a call has ended.
const ENDED: &str = "chat ended";
/// The most tokens of an answer, in the settings of both apps.
const MOST_TOKENS: usize = 500;

/// The credits for a number of tokens, as `scrip.toml` says: 1 for each started 100.
fn credits(tokens: usize) -> i64 {
    i64::try_from(tokens.div_ceil(100)).expect("few")
}

/// The tokens of a text, as the fake models and the clients count them.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

/// Uses an app as a new user does.
async fn sells_credits_and_charges_a_chat(app: &'static App) {
    let running = Running::install(app).await;
    let (server, mut browser) = running.serve(&[]).await;
    let shows = async |browser: &Browser, available: i64, held: i64| {
        let page = browser.get("/").await.expect(200);
        assert_eq!(
            (page.number("available"), page.number("held")),
            (available, held)
        );
        page
    };

    // Without a session there is a sign-up. The bonus comes once.
    assert!(
        browser
            .get("/")
            .await
            .expect(200)
            .text
            .contains("/api/sign-up")
    );
    let refused = browser.ask("Hello").await.expect(401);
    assert_eq!(refused.json()["code"], "not_signed_in");
    let refused = browser.sign_up("Ada").await.expect(400);
    assert_eq!(refused.json()["field"], "user");
    for _ in 0..3 {
        browser.sign_up("ada").await.expect(303);
    }
    shows(&browser, BONUS, 0).await;

    // An answer costs what the model reports.
    let answer = browser.ask("Hello").await.expect(200).text;
    let price = credits(tokens("Hello") + tokens(&answer));
    let mut left = BONUS - price;
    shows(&browser, left, 0).await;

    // A model that fails costs nothing.
    let failed = browser.ask("/fail").await.expect(502);
    assert_eq!(failed.json()["code"], "model_failed");
    shows(&browser, left, 0).await;

    // A model that is lost half-way, and an answer that the user aborts, cost what was delivered.
    let half = answer.len() / 2;
    let delivered = |prompt: &str| credits(tokens(prompt) + tokens(&answer[..half]));
    assert_eq!(browser.ask("/cut").await.expect(200).text, answer[..half]);
    server.wait_for_more(ENDED, 2).await;
    left -= delivered("/cut");
    shows(&browser, left, 0).await;
    let mut open = browser.begin("/endless").await;
    open.wait_for_bytes(half).await;
    // The hold covers the longest answer.
    let hold = credits(tokens("/endless") + MOST_TOKENS);
    shows(&browser, left - hold, hold).await;
    drop(open);
    server.wait_for_more(ENDED, 3).await;
    left -= delivered("/endless");
    shows(&browser, left, 0).await;

    // A call that the credits do not cover is refused before it begins.
    let hold = credits(tokens("Hello") + MOST_TOKENS);
    while left >= hold {
        browser.ask("Hello").await.expect(200);
        left -= price;
    }
    let refused = browser.ask("Hello").await.expect(402).json();
    assert_eq!(refused["code"], "insufficient_credits");
    let numbers = ["required", "available", "missing"].map(|name| refused[name].as_i64());
    assert_eq!(numbers, [hold, left, hold - left].map(Some));
    shows(&browser, left, 0).await;

    // A payment that is reported ten times is credited once.
    let checkout = browser.post("/api/checkout").await.expect(303);
    let page = checkout.header("location").expect("an address").to_owned();
    let page = browser.get(&page).await.expect(200).text;
    assert!(page.contains("STRIPE_SECRET_KEY is not set"), "{page}");
    for _ in 0..10 {
        let printed = running.pay("ada", "pi_1").await;
        assert_eq!(printed, documented(app.name));
    }
    // The commands of a user are applied in their order, so the payments are applied after this.
    browser.sign_up("ada").await.expect(303);
    left += PACKAGE;
    let page = shows(&browser, left, 0).await;
    assert_eq!(
        page.text.matches("<td>purchase</td>").count(),
        1,
        "{page:?}"
    );

    reads_its_own_balance_from_scrip(&running, &browser, left).await;
    drop(server);
    opens_a_checkout_of_stripe(&running).await;
    running.end().await;
}

/// The browser reads from Scrip with a user token, as the page does.
async fn reads_its_own_balance_from_scrip(running: &Running, browser: &Browser, credits: i64) {
    let access = browser.get("/api/token").await.expect(200).json();
    let text = |name: &str| access[name].as_str().expect("a text").to_owned();
    assert_eq!(
        text("url"),
        format!("http://127.0.0.1:{}", running.scrip_port)
    );
    let readme = std::fs::read_to_string(running.folder.join("README.md")).expect("the README");
    let page = readme
        .split("Open `")
        .nth(1)
        .and_then(|text| text.split('`').next());
    let page = page.expect("the address of the page");
    let bearer = format!("Bearer {}", text("token"));
    let headers = [("origin", page), ("authorization", &bearer)];
    let scrip = Browser::new(running.scrip_port);
    let path = |user: &str| format!("/v1/users/{user}/balance");
    let balance = scrip.get_with(&path(&text("userId")), &headers).await;
    assert_eq!(balance.header("access-control-allow-origin"), Some(page));
    assert_eq!(balance.expect(200).json()["availableCredits"], credits);
    scrip.get_with(&path("bob"), &headers).await.expect(403);
}

/// With a key, a checkout names the user, the package and its price to Stripe.
async fn opens_a_checkout_of_stripe(running: &Running) {
    const SESSION: &str = "https://checkout.example/cs_1";
    let stripe = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", stripe.local_addr().expect("an address"));
    let more = [
        ("STRIPE_SECRET_KEY", "sk_test_1".to_owned()),
        ("STRIPE_API_URL", url),
    ];
    let more = more.map(|(name, value)| (name.to_owned(), value));
    let (_server, mut browser) = running.serve(&more).await;
    browser.sign_up("ada").await.expect(303);
    let session = format!("{{\"url\":\"{SESSION}\"}}");
    let answer = answer_of_stripe(&stripe, "200 OK", &session);
    let both = async { tokio::join!(answer, browser.post("/api/checkout")) };
    let (request, response) = timeout(TIMEOUT, both).await.expect("in time");
    assert_eq!(response.expect(303).header("location"), Some(SESSION));
    for part in [
        "POST /v1/checkout/sessions ",
        "earer sk_test_1",
        "client_reference_id=ada",
        "metadata%5BpackageId%5D=lite",
        "line_items%5B0%5D%5Bprice%5D=price_lite",
    ] {
        assert!(request.contains(part), "{part} is missing: {request}");
    }
    let answer = answer_of_stripe(&stripe, "402 Payment Required", "{}");
    let both = async { tokio::join!(answer, browser.post("/api/checkout")) };
    let (_, response) = timeout(TIMEOUT, both).await.expect("in time");
    assert_eq!(response.expect(502).json()["code"], "checkout_failed");
}

/// Answers one request as Stripe. Returns the request.
async fn answer_of_stripe(stripe: &TcpListener, status: &str, body: &str) -> String {
    let (mut stream, _) = stripe.accept().await.expect("a request");
    let mut request = Vec::new();
    // This field of the form comes last.
    while !String::from_utf8_lossy(&request).contains("cancel_url=") {
        let read = stream.read_buf(&mut request).await.expect("a part");
        assert_ne!(read, 0, "the request is cut off");
    }
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close");
    let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.expect("sent");
    String::from_utf8(request).expect("text")
}

/// Conformance: Example apps: from the sign-up to a payment, each call costs what was delivered, a
/// missing credit is a 402, and a payment that is reported ten times is credited once
#[tokio::test(flavor = "multi_thread")]
async fn the_nextjs_app_sells_credits_and_charges_a_chat() {
    sells_credits_and_charges_a_chat(&NEXTJS).await;
}

/// Conformance: Example apps: from the sign-up to a payment, each call costs what was delivered, a
/// missing credit is a 402, and a payment that is reported ten times is credited once
#[tokio::test(flavor = "multi_thread")]
async fn the_fastapi_app_sells_credits_and_charges_a_chat() {
    sells_credits_and_charges_a_chat(&FASTAPI).await;
}
