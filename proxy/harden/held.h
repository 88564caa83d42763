/* held.h: looks after the phones that were hardened: are they still?
 *
 * The main thread's. Every phone is looked at once an interval (held_plan), a few at a time, each
 * by a worker (held_check) and behind people in the phone's own queue. What is new is told once: a
 * record, a line in the log, a counter; what is known is kept in the state directory (held_state),
 * so that a restart neither forgets nor tells it again. Where the configuration says so, a phone
 * that is hardened no longer is restricted: its flag in site.restricted keeps everybody but admins
 * out until a look finds it mended. A look that sees nothing changes nothing. */
#ifndef PROXY_HARDEN_HELD_H
#define PROXY_HARDEN_HELD_H

#include "proxy/harden/held_state.h"
#include "proxy/run/site.h"
#include "proxy/run/worker.h"

#define HELD_FILE "held"
/* Octets of that file: more phones than any gate has. */
#define HELD_FILE_MAX ((size_t)64 << 20)
/* What is new is on the disk so long after it was told; that nothing is new, later. */
#define HELD_SAVE_MS       1000
#define HELD_SAVE_TIMES_MS 60000
/* What is remembered of a phone that the configuration does not name any more. */
#define HELD_FORGET_S (UINT64_C(90) * 86400)
/* Phones that are named in `phonegate status`. */
#define HELD_NAMED 5

struct held;

/* Read what is remembered. What cannot be read is told in the log, and its phones count as lost
 * until they are looked at. `state_dir` is empty, or ends with NUL and is there. */
struct held *held_open(uv_loop_t *loop, struct shared *shared, struct str state_dir);

/* This site counts from now on; called before any worker serves it. */
void held_use(struct held *h, struct site *site);

/* The workers run: checks may begin. `workers` is copied. */
void held_begin(struct held *h, struct worker *const *workers, unsigned count);

/* No check begins any more. */
void held_stop(struct held *h);

/* After the workers have ended: takes back what they sent, keeps what is to be kept. NULL is fine.
 * The access log is still open. */
void held_free(struct held *h);

/* ---- for whoever asks, on any thread ---- */

enum held_state_count { HELD_HOLDS, HELD_PARTLY, HELD_FAILS, HELD_LOST, HELD_UNKNOWN, HELD_STATES };

struct held_numbers {
    bool on;
    size_t phones;                           /* in the configuration */
    size_t steps[HARDEN_STEPS][HELD_STATES]; /* of them */
    size_t hardened, drifted, restricted,
        stay_in_admin_mode;                            /* of them, by the steps of the guide */
    size_t incomplete;                                 /* of them: the last look did not see all */
    uint64_t lost[HARDEN_STEPS], mended[HARDEN_STEPS]; /* since the start */
    uint64_t answered, unanswered, cancelled;          /* checks */
};

void held_numbers(struct held *h, struct held_numbers *numbers);
/* "holds", "partly", "fails", "lost", "unknown". */
const char *held_state_name(enum held_state_count state);

/* The same as lines for `phonegate status`, with the first phones that lost a step of the guide. */
void held_put_status(struct held *h, struct outbuf *out);

#endif
