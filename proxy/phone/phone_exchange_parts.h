/* phone_exchange_parts.h: what the files of a phone exchange share, and nobody else sees.
 *
 * phone_exchange.c: queue, connection, time-outs, the end. phone_exchange_send.c: what is sent,
 * with or without credentials. phone_exchange_answer.c: what an answer means for the login, and
 * whom it goes to. phone_exchange_form.c: the same two for a phone with a form. */
#ifndef PROXY_PHONE_PHONE_EXCHANGE_PARTS_H
#define PROXY_PHONE_PHONE_EXCHANGE_PARTS_H

#include "proxy/phone/phone_exchange.h"

enum px_state {
    PX_NEW,
    PX_QUEUED,     /* waiting for a slot */
    PX_CONNECTING, /* slot taken */
    PX_WAIT_LOGIN, /* another exchange tries the password; connection at hand */
    PX_SENT,       /* an attempt is under way: its head has not come */
    PX_DISCARD,    /* reading the page of a 401 or a probe */
    PX_LOGIN_PAGE, /* reading the answer to a step of a form's login */
    PX_HOLD,       /* an answer's beginning is looked at before its owner gets it */
    PX_ANSWER,     /* giving the answer to the owner */
    PX_COOLING,    /* the phone's answer was cut by us: it needs a moment to notice */
    PX_OVER,
};

/* What an attempt sends. */
enum px_attempt {
    ATTEMPT_NAKED_PROBE, /* GET / without credentials: fetches a challenge */
    ATTEMPT_NAKED,       /* the request itself, without */
    ATTEMPT_PROBE,       /* GET / with credentials: shows that the nonce lives */
    ATTEMPT_REAL,        /* the request itself, with credentials (or to a phone that may be open) */
    ATTEMPT_STEP,        /* a step of a form's login */
};

struct px_form; /* phone_exchange_form.h */

struct phone_exchange {
    struct grave grave;
    struct timed timed;
    struct phone_waiter waiter;
    struct worker *worker;
    struct phone *phone;
    struct phone_conn *conn; /* lent */
    const struct phone_events *events;
    void *owner; /* NULL: detached */
    struct phone_request request;
    struct phone_timeouts timeouts;
    struct io_buf *text; /* target and fields */
    enum px_state state;
    enum px_attempt attempt;
    bool has_slot;
    unsigned turn;        /* of the password that was sent: phone_password */
    bool trial;           /* everybody waits for what comes of our login */
    bool password_sent;   /* and nobody has said yet what it is worth (not with a form) */
    bool stale_again;     /* it was refused because of a nonce that was a moment old */
    bool spare_refused;   /* it was refused with a nonce of another connection */
    bool retried;         /* the one retry with a fresh nonce was made */
    bool reconnected;     /* the one retry on a dead connection was made */
    bool nonce_shown;     /* a probe has shown that the nonce, or the session, lives */
    struct px_form *form; /* owned; NULL: the phone has no form */
    uint64_t stream_left;
    size_t discarded;
    uint64_t started_ms, connect_ms, sent_ms;
    struct phone_times times;
};

/* The login of our account on the connection at hand. */
struct phone_login_memory *px_memory(struct phone_exchange *px);
void px_set_deadline(struct phone_exchange *px, uint64_t after_ms);
bool px_is_naked(enum px_attempt attempt);

/* Send what is due next on the connection at hand. */
void px_attempt(struct phone_exchange *px);
/* The request itself, or a probe, as `what` says. */
void px_send_attempt(struct phone_exchange *px, enum px_attempt what);
/* What came back is read to its end: px_attempt on this connection, or on a new one that takes its
 * challenges over. */
void px_next_attempt(struct phone_exchange *px);
/* The answer is the owner's. */
void px_give_head(struct phone_exchange *px, const struct response_view *res);
/* Everybody waits for what comes of our login from now on, whether a password is sent or not. */
void px_begin_trial(struct phone_exchange *px);
/* Once for each time that a breaker opens: a record, and a line in the log. */
void px_log_rejected(const struct phone_exchange *px, const char *why);
/* What has become of the vault's candidate since last time goes into the records. */
void px_tell_candidate(struct phone_exchange *px);
/* The account's password is wrong: open the breaker, and say so once in the log. */
void px_rejected(struct phone_exchange *px, const char *why);
/* Find or open a connection, then px_attempt. */
void px_connect(struct phone_exchange *px, bool fresh_connection);
/* Give the connection back, or close it. */
void px_release_conn(struct phone_exchange *px, bool keep);
/* The end, without a word to the owner. */
void px_finish(struct phone_exchange *px, bool keep_conn);
/* The end: the owner is told, the connection is not trusted any more. */
void px_fail(struct phone_exchange *px, const char *reason);

/* News from the connection. */
void px_on_head(void *user, const struct response_view *res);
void px_on_body(void *user, struct str data);
void px_on_done(void *user);
void px_on_batch(void *user);
void px_on_writable(void *user);

#endif
