/* worker.h: one thread, one event loop, and what its connections share.
 *
 * Nothing here is touched by another thread but the mailbox. What all workers share stands in
 * struct shared, each part with its own lock. */
#ifndef PROXY_RUN_WORKER_H
#define PROXY_RUN_WORKER_H

#include <stdatomic.h>
#include <uv.h>

#include "policy/access/when.h"
#include "policy/auth/lockout.h"
#include "policy/auth/nonce.h"
#include "policy/auth/session.h"
#include "proxy/net/io.h"
#include "proxy/record/access_log.h"
#include "proxy/run/asset_cache.h"
#include "proxy/run/crowd.h"
#include "proxy/run/handshakes.h"
#include "proxy/run/mailbox.h"
#include "proxy/run/peers.h"

struct site;
struct conn;
struct held;
struct held_check;

/* How often deadlines are looked at: no time-out is kept more exactly than this. */
#define WORKER_TICK_MS 100
/* Patient objects whose deadline is farther away than this are looked at in every tenth tick only:
 * a tick that walks through all idle connections is felt by whoever asks at that moment. */
#define WORKER_FAR_MS    2000
#define WORKER_FAR_TICKS 10
/* How often memory that nobody needs any more is given back: spare buffers, and what lies free
 * between others once so many connections have fallen quiet. */
#define WORKER_TIDY_MS  1000
#define WORKER_TRIM_MIN 64

/* Why a connection had to make place for another one. */
enum shed_why { SHED_TOTAL, SHED_ADDRESS, SHED_HANDSHAKE, SHED_DESCRIPTORS, SHED_WHYS };
/* Why a new connection was closed, or told 503. */
enum turned_away {
    AWAY_TOTAL,
    AWAY_ADDRESS,
    AWAY_RATE,
    AWAY_HANDSHAKES,
    AWAY_DESCRIPTORS,
    AWAY_WHYS,
};
/* What a person was too slow with. */
enum slow_what { SLOW_HANDSHAKE, SLOW_HEAD, SLOW_BODY, SLOW_ANSWER, SLOW_WHATS };

/* What the gate did against floods and slow clients, since its start. */
struct defence {
    atomic_uint_fast64_t shed[SHED_WHYS], away[AWAY_WHYS], slow[SLOW_WHATS];
    atomic_uint_fast64_t untold; /* connections that came to no request and got no record */
};

/* How often something was said in the second that is now. */
struct told {
    uint64_t second;
    unsigned count;
};

/* What lives as long as the process. */
struct shared {
    struct nonce_table *nonces;
    struct lockout *lockout;
    struct sessions *sessions;
    struct access_log *log;
    struct asset_cache *assets;
    struct held *held;   /* phones that are hardened; NULL in commands */
    struct peers *peers; /* connections in all and per address */
    uint8_t claim_key[32];
    uint64_t epoch_ms; /* wall clock at start less the loop clock: added to a loop's now it never
                          goes back */
    atomic_uint_fast64_t next_id;
    atomic_size_t connections_room; /* as many as there are descriptors for */
    struct defence defence;
    atomic_uint_fast64_t allowed, denied, failed; /* requests answered, by outcome */
    atomic_uint_fast64_t phone_conns;             /* connections to phones, in whatever state */
};

/* An object with deadlines: a connection or a phone exchange. Intrusive, so that a tick allocates
 * nothing. */
struct timed {
    struct timed *next, *prev;
    uint64_t deadline_ms; /* loop time; 0: none */
    bool patient;         /* there are thousands of its kind: set the deadline by timed_set */
    struct worker *far;   /* it is in that one's ring `far`; NULL: in `timed` */
    void (*expired)(struct timed *timed);
};

/* Memory that callbacks still on the stack may look at: given back after the loop's I/O phase. */
struct grave {
    struct grave *next;
    void (*bury)(struct grave *grave);
};

/* Spare buffers for heads that a worker keeps. */
#define WORKER_SPARE_HEADS 32

struct head_buf;

struct worker {
    uv_loop_t loop;
    uv_thread_t thread;
    struct io io;
    struct mailbox mailbox;
    struct shared *shared;
    struct site *site; /* the snapshot in force; the server holds a reference for each worker */
    struct hasher *hasher;
    unsigned index;
    uv_timer_t tick;
    uv_check_t after_io;
    uv_prepare_t before_sleep;
    struct timed timed; /* head of the ring */
    struct timed far;   /* head of the ring of those with time */
    size_t far_count;
    struct conn *conns;        /* all of this worker's */
    struct held_check *checks; /* of phones' hardening, under way here */
    size_t live;               /* objects that must be gone before the loop may end */
    struct grave *graves;      /* what is freed once the stack is unwound */
    struct crowd crowd;
    struct handshakes handshakes;
    /* No descriptor is left: close a connection that can be spared. False: there is none. Set by
     * the listeners. */
    bool (*make_room)(struct worker *w);
    size_t status_conns;    /* open to the status listener */
    struct told away_told;  /* records of connections turned away */
    struct told tls_told;   /* ... and of handshakes that failed */
    size_t collecting;      /* octets of request bodies held in memory */
    struct head_buf *heads; /* buffers for heads that no connection uses just now */
    size_t head_count;
    size_t cooled;    /* connections that fell quiet since memory was last trimmed */
    uint64_t tidy_ms; /* loop time of the next tidying */
    uint8_t random[1024];
    size_t random_left;
    char date[32]; /* IMF-fixdate of date_s */
    int64_t date_s;
    struct when when;       /* of the last second somebody asked in */
    uint64_t phone_idle_ms; /* an unused connection to a phone is kept so long; 0: PHONE_IDLE_MS */
    bool stopping;
};

void worker_init(struct worker *w, struct shared *shared, unsigned index);
/* Close the handles that keep the loop alive: nothing is live any more. */
void worker_close(struct worker *w);
/* After the loop has ended. */
void worker_deinit(struct worker *w);

/* Loop time, ms. */
uint64_t worker_now(const struct worker *w);
/* Milliseconds since 1970, never going back: for nonces. */
uint64_t worker_epoch_ms(const struct worker *w);

/* The wall clock, which may be set, with the local time of this machine: for grants. */
struct when worker_when(struct worker *w);

/* May it be said once more in this second? */
bool worker_may_tell(struct worker *w, struct told *told, unsigned most);

/* A buffer of `size` octets for a request's head. A connection holds one only from its first octet
 * to the end of the request, so few are needed and the next one is still in the processor's cache.
 */
char *worker_take_head(struct worker *w, size_t size);
/* `size` as it was taken with; NULL is fine. */
void worker_give_head(struct worker *w, char *head, size_t size);

/* Fresh random octets from the operating system's generator; aborts where there is none. */
void worker_random(struct worker *w, uint8_t *out, size_t len);

/* "Sun, 06 Nov 1994 08:49:37 GMT" of now (RFC 9110 5.6.7). */
struct str worker_date(struct worker *w);

void worker_bury(struct worker *w, struct grave *grave);

void timed_start(struct worker *w, struct timed *timed, void (*expired)(struct timed *));
/* The only way to a new deadline for a patient one. */
void timed_set(struct worker *w, struct timed *timed, uint64_t deadline_ms);
void timed_stop(struct timed *timed);

#endif
