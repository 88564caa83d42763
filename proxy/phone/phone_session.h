/* phone_session.h: the session that the gate has at a phone with a form, one for each account.
 *
 * Shared by all connections and workers, behind the phone's lock; what callers get is a copy. A
 * session is there exactly while its account is LOGIN_PROVEN. Its cookies are as good as the
 * password: they are wiped when it ends or changes. */
#ifndef PROXY_PHONE_PHONE_SESSION_H
#define PROXY_PHONE_PHONE_SESSION_H

#include "policy/auth/phone_form.h"
#include "proxy/phone/phone.h"

/* So long after an answer that knew it a session is taken to live on. Beyond, a request that may
 * change something, and so is never sent twice, has a page asked for in front of it. */
#define PHONE_SESSION_FRESH_MS 15000
/* So many times in a row may a password that was never seen to work be sent without an answer that
 * can be read; then it counts as rejected: some phones shut the connection on whoever is wrong. */
#define PHONE_FORM_UNANSWERED_MAX 2
/* The same with Digest and Basic, where one request may send it twice: phones lock at more than
 * three. Then one may be sent after PHONE_SILENT_MS, doubled each time. */
#define PHONE_LOGIN_UNANSWERED_MAX 3

struct phone_session {
    uint64_t id; /* of this login, at this phone and account; never 0 */
    uint64_t seen_ms;
    struct phone_form_jar jar;
};

/* May this exchange go on? GO: *copy is the session. TRIAL: log in, everybody waits; then
 * phone_session_put or phone_login_end. */
MUST_USE enum login_verdict phone_session_begin(struct phone *phone, enum phone_account_kind kind,
                                                struct phone_waiter *waiter, uint64_t now_ms,
                                                struct phone_session *copy);
/* A login with the password of `turn` is through and proven: whoever waits goes on with it. */
void phone_session_put(struct phone *phone, enum phone_account_kind kind, unsigned turn,
                       struct phone_session *session, uint64_t now_ms);
/* An answer knew the session, and may have set cookies. */
void phone_session_seen(struct phone *phone, enum phone_account_kind kind, uint64_t id,
                        const struct header *headers, size_t count, uint64_t now_ms);
/* An answer knew it no longer. Nothing happens where there is another one by now. */
void phone_session_lost(struct phone *phone, enum phone_account_kind kind, uint64_t id);
/* A password was sent and nothing came of it. True: for the `max`th time in a row, or more. */
bool phone_session_unanswered(struct phone *phone, enum phone_account_kind kind, unsigned max);

/* Wipe and free; NULL is fine. */
void phone_session_free(struct phone_session *session);

#endif
