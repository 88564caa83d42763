/* phone_exchange_form.h: the part of a phone exchange that logs in to a form.
 *
 * NONE: no session at hand yet. STEPS: our trial, one request of the recipe after the other. PROVE:
 * the login is through; a page that wants it shows whether it was taken. USE: a session at hand,
 * ours or another's.
 *
 *   NONE -> (the phone has a session) USE
 *   NONE -> STEPS -> PROVE -> USE
 *   USE -> (an answer says that nobody is logged in) NONE, once
 *
 * Everything here may be called for any phone; px->form is NULL where it has no form. */
#ifndef PROXY_PHONE_PHONE_EXCHANGE_FORM_H
#define PROXY_PHONE_PHONE_EXCHANGE_FORM_H

#include "proxy/phone/phone_exchange_parts.h"
#include "proxy/phone/phone_session.h"

/* A whole login, whatever its requests take. */
#define PHONE_FORM_LOGIN_MS 30000
/* What is read of the answer to one step. */
#define PHONE_FORM_PAGE_BYTES 65536
/* Of an answer that may be the phone's login page, so much is looked at. */
#define PHONE_FORM_LOOK_BYTES 16384

enum px_form_stage { FORM_NONE, FORM_STEPS, FORM_PROVE, FORM_USE };

struct px_form {
    enum px_form_stage stage;
    size_t step;
    bool password_sent;
    uint64_t deadline_ms; /* of the login; 0: none */
    struct phone_session session;
    struct phone_form_run run;
    /* an answer, or its beginning, as it is held back */
    struct response_view view;
    struct header headers[PHONE_HEADERS];
    struct io_buf *head; /* what `headers` point into */
    char *page;          /* of page_cap octets */
    size_t page_len, page_cap;
};

void px_form_init(struct phone_exchange *px);
void px_form_free(struct phone_exchange *px);

/* No later than the login may last. */
uint64_t px_form_deadline(const struct phone_exchange *px, uint64_t deadline_ms);
/* What to report of a trial that ends without an answer. */
enum login_outcome px_form_outcome(const struct phone_exchange *px);
/* A step that holds no password may be sent once more on a new connection. */
bool px_form_step_is_harmless(const struct phone_exchange *px);
/* The page a probe asks for. */
struct str px_form_probe(const struct phone_exchange *px);
/* The session, as a Cookie field. */
void px_form_put_cookies(const struct phone_exchange *px, struct outbuf *out);

void px_form_attempt(struct phone_exchange *px);
void px_form_on_head(struct phone_exchange *px, const struct response_view *res);
void px_form_on_body(struct phone_exchange *px, struct str data);
/* True: the answer is one to the request or a probe, and its state says what to do now it is over.
 */
MUST_USE bool px_form_on_done(struct phone_exchange *px);

#endif
