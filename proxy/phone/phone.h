/* phone.h: one phone at run time: who may talk to it now, and what is known of its login.
 *
 * Shared by all workers behind its own lock, and kept over a reload where nothing of it changed. A
 * phone takes a fixed number of requests at a time; the others wait in a bounded queue in which
 * people take turns, so that one person's forty images do not starve another's page. What the gate
 * asks for its own sake waits in the background: it gets a slot only while no person waits, and one
 * at a time. One rejected
 * password opens the breaker of that account: a phone locks its web interface for everybody after a
 * few. */
#ifndef PROXY_PHONE_PHONE_H
#define PROXY_PHONE_PHONE_H

#include <pthread.h>
#include <stdatomic.h>

#include "certs/phone_tls.h"
#include "policy/auth/phone_auth.h"
#include "proxy/config/config.h"
#include "proxy/run/worker.h"

/* How long a rejected account is left alone before one request may try again; doubled each time, up
 * to the maximum. The phone's own lock begins with a minute and doubles, too. */
#define PHONE_BREAKER_MS     (10 * 60 * 1000)
#define PHONE_BREAKER_MAX_MS (24 * 60 * 60 * 1000)
/* The same for a password of which nothing came: more likely the phone was not well. */
#define PHONE_SILENT_MS (60 * 1000)
/* What may wait in the background of one phone. */
#define PHONE_BACKGROUND_MAX 4
/* An unused connection is closed after this long; phones have few of them. */
#define PHONE_IDLE_MS 30000
/* A connection idle for this long gives its buffers back. */
#define PHONE_COLD_MS 1000
/* A nonce left over by a connection that the phone closed politely is tried again this long. */
#define PHONE_SPARE_NONCE_MS 60000

/* After octets that nobody asked for, each connection is good for one answer only, for so long: a
 * second answer that comes when the next request is under way cannot be told from the right one. */
#define PHONE_UNASKED_MS (10 * 60 * 1000)

enum phone_account_kind { ACCOUNT_LOGIN, ACCOUNT_ADMIN, PHONE_ACCOUNTS };

enum login_state {
    LOGIN_UNKNOWN, /* nobody has signed in yet */
    LOGIN_TRYING,  /* one exchange is trying: the others wait for what comes of it */
    LOGIN_PROVEN,
    LOGIN_BROKEN, /* rejected: see retry_ms */
};

enum waiter_state { WAITER_IDLE, WAITER_QUEUED, WAITER_CALLED };

/* A place in a phone's queue, embedded in an exchange. `called` runs on the exchange's own worker.
 */
struct phone_waiter {
    struct message message;
    struct phone_waiter *next;
    struct worker *worker;
    void (*called)(struct phone_waiter *waiter);
    uint64_t person; /* whose turn it is: a stable key of the user */
    uint64_t round;
    bool background; /* behind everybody: nobody waits for it */
    enum waiter_state state;
};

struct phone_session;

/* The vault's second password for an account: a run of `harden` was cut between phone and vault. */
enum phone_candidate {
    CANDIDATE_NONE,
    CANDIDATE_KEPT,    /* the password in force has not been refused */
    CANDIDATE_NEXT,    /* it was: the next attempt is with this one */
    CANDIDATE_TAKEN,   /* it is the phone's */
    CANDIDATE_REFUSED, /* neither is */
    CANDIDATE_LOST, /* it was taken and is no longer: the next attempt is with the one in force */
};

struct phone_account {
    struct str user, password; /* owned; an empty password is none: nothing is sent */
    struct str candidate;      /* owned; of the vault: the phone has this or the other */
    atomic_bool on_candidate;  /* it is the one that is sent */
    atomic_uint turn;          /* rises whenever the other one's turn comes */
    enum phone_candidate candidate_state;
    bool candidate_told; /* of this state somebody made a record */
    enum login_state state;
    unsigned rejections;
    uint64_t retry_ms; /* LOGIN_BROKEN: epoch ms from which one may try again */
    bool nonces_die;   /* with their connection, as far as was seen: none is tried on another */
    bool has_spare;
    uint64_t spare_ms;
    struct phone_challenge spare;
    struct phone_waiter *waiting;  /* for the outcome of TRYING, in order */
    struct phone_session *session; /* of a form login: see phone_session.h */
    uint64_t sessions;             /* logins so far */
    unsigned unanswered;           /* passwords sent in a row, of which nothing came */
};

/* By what a phone is known again, beside its address: another one means another phone, or another
 * firmware in it. */
enum phone_trait_kind {
    PHONE_TRAIT_KEY,    /* SHA-256 of the public key it showed */
    PHONE_TRAIT_SERVER, /* the field Server of its pages */
    PHONE_TRAITS
};

struct phone_trait {
    char text[64]; /* the first octets of it */
    size_t len;    /* 0: not seen yet */
};

struct phone_conn;

struct phone {
    atomic_uint refs;
    uint64_t cache_key; /* drawn at random: copies of answers are this object's (asset_cache.h) */
    atomic_uint_fast64_t generation;          /* rises when they may be right no longer */
    atomic_uint_fast64_t one_answer_until_ms; /* loop time: see PHONE_UNASKED_MS */
    atomic_bool retired; /* the configuration names it no longer: its connections are not kept */
    pthread_mutex_t lock;
    uint8_t fingerprint[32]; /* of the settings: the same after a reload means the same phone */
    struct str id, host, authority; /* owned */
    uint16_t port;
    struct phone_tls *tls; /* owned; NULL: clear text, allowed by the configuration */
    enum phone_login login;
    struct phone_form *form; /* one reference; with PHONE_LOGIN_FORM */
    bool login_required;
    struct str realm; /* owned; pinned realm, empty: any */
    unsigned concurrent_max;
    size_t queue_max;
    uint64_t candidate_after_ms;
    struct phone_account accounts[PHONE_ACCOUNTS]; /* under lock, but for the texts */
    /* under lock: */
    unsigned in_flight;
    size_t queued;
    uint64_t round;
    struct phone_waiter *queue;
    struct phone_waiter *background; /* served while `queue` is empty, in order */
    size_t background_queued, background_in_flight;
    struct phone_conn *idle; /* newest first, of all workers */
    struct phone_trait traits[PHONE_TRAITS];
    bool wrong_key; /* the last one it showed is none of its pins: this one */
    uint8_t wrong_pin[32];
};

/* What a phone of this configuration would be; NULL with one line in `error`. */
struct phone *phone_new(const struct config_phone *cfg, size_t queue_max, char *error,
                        size_t error_len);
struct phone *phone_hold(struct phone *phone);
void phone_release(struct phone *phone);

/* How many may wait from now on: the one setting that changes under a phone that stays. */
void phone_set_queue(struct phone *phone, size_t queue_max);

/* Something was sent that may change the phone, or it failed, or it seems to be another one:
 * whatever was copied from it before is not to be used again. Thread-safe. */
void phone_note_change(struct phone *phone);
uint64_t phone_generation(const struct phone *phone);
/* What the phone shows of itself now; another one than last time is a change. */
void phone_note_trait(struct phone *phone, enum phone_trait_kind kind, struct str value);

/* It showed a key that is none of its pins, or one that is. True where that is news: the other of
 * both before, or another wrong key. */
MUST_USE bool phone_note_wrong_key(struct phone *phone, const uint8_t pin[32]);
MUST_USE bool phone_note_right_key(struct phone *phone);
bool phone_shows_wrong_key(struct phone *phone);

/* The same settings in every respect, but for the queue? */
bool phone_same(const struct phone *phone, const struct phone *other);

enum slot_verdict { SLOT_GRANTED, SLOT_QUEUED, SLOT_FULL };

/* Ask for a slot. QUEUED: `called` comes later, with the slot taken. */
MUST_USE enum slot_verdict phone_slot_take(struct phone *phone, struct phone_waiter *waiter);
/* Leave the queue. False when the call is under way already: `called` still comes, and must give
 * the slot back. */
bool phone_slot_leave(struct phone *phone, struct phone_waiter *waiter);
/* Give the slot of `waiter` back: the next in turn is called. */
void phone_slot_give(struct phone *phone, const struct phone_waiter *waiter);

struct phone_load {
    size_t in_flight; /* requests that hold a slot */
    size_t waiting;   /* for a slot, or for what comes of somebody else's login */
};
struct phone_load phone_load(struct phone *phone);

enum login_verdict {
    LOGIN_GO,      /* send the answer; report ACCEPTED or REJECTED */
    LOGIN_TRIAL,   /* the same, and everybody waits for it: report NO_ANSWER, too */
    LOGIN_WAIT,    /* another one is trying: `called` comes with the outcome */
    LOGIN_STOPPED, /* the breaker is open */
};

/* May this exchange send the account's password? */
MUST_USE enum login_verdict phone_login_begin(struct phone *phone, enum phone_account_kind kind,
                                              struct phone_waiter *waiter, uint64_t now_ms);
/* What is sent for this account now; empty: there is none. *turn (NULL: not wanted): whose turn it
 * is, for phone_login_end. */
struct str phone_password(const struct phone *phone, enum phone_account_kind kind, unsigned *turn);
/* Its candidate's state, once for each change from CANDIDATE_NEXT on; else false. */
bool phone_candidate_news(struct phone *phone, enum phone_account_kind kind,
                          enum phone_candidate *state);
/* Is the breaker open? */
bool phone_login_stopped(struct phone *phone, enum phone_account_kind kind, uint64_t now_ms);

/* SILENT: so many in a row had no answer that it may be how this phone refuses. */
enum login_outcome { LOGIN_ACCEPTED, LOGIN_REJECTED, LOGIN_SILENT, LOGIN_NO_ANSWER };
/* What came of it. True when this opened the breaker. An answer to a password whose turn is over
 * says nothing of the one that is sent now: it is passed over.
 *
 * Where the vault has a candidate, a first rejection opens the breaker for candidate_after_ms only;
 * then one request tries the candidate. With it the phone has seen two wrong passwords at most, and
 * it locks at more than three. A candidate that was taken and then is rejected is one that the
 * phone had not saved before it restarted: after the same pause the password in force is tried. */
bool phone_login_end(struct phone *phone, enum phone_account_kind kind, unsigned turn,
                     enum login_outcome outcome, uint64_t now_ms);
bool phone_login_leave(struct phone *phone, enum phone_account_kind kind,
                       struct phone_waiter *waiter);

/* Keep a challenge for the next connection, or take what is kept. */
void phone_spare_put(struct phone *phone, enum phone_account_kind kind,
                     const struct phone_challenge *challenge, uint64_t now_ms);
bool phone_spare_take(struct phone *phone, enum phone_account_kind kind,
                      struct phone_challenge *challenge, uint64_t now_ms);
/* The phone took our password for a wrong one because of a nonce from another connection, and took
 * it with a nonce of this one: to some phones each such time is a failed login. */
void phone_spare_refused(struct phone *phone, enum phone_account_kind kind);
bool phone_spare_is_useless(struct phone *phone, enum phone_account_kind kind);

#endif
