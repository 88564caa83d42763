/* handshakes.h: when TLS handshakes are begun, in one worker.
 *
 * A full handshake costs as much as several requests. So a ClientHello waits in a line until the
 * loop has done what else there was and the answers have left; then a turn of the loop begins as
 * many as fit into HANDSHAKES_SLICE_NS. Where nothing else is to be done the turns follow each
 * other at once. While people are at work on connections that they keep, a turn begins only one, so
 * that a request waits for one at most before the sockets are looked at again; but one more for
 * every HANDSHAKES_REQUESTS that the turn has served: who asks much keeps nobody else out. At most
 * `max` are under way; who comes then stays in line. People from addresses where somebody
 * signed in lately have a line of their own that goes first, and a quarter more than `max`. The one
 * longest under way is sent away after HANDSHAKES_AGE_MS where others wait for its place; nobody
 * known goes for a stranger. Memory is bounded by HANDSHAKES_LINE and HANDSHAKES_HELD, of which
 * strangers have half. Belongs to one thread. */
#ifndef PROXY_RUN_HANDSHAKES_H
#define PROXY_RUN_HANDSHAKES_H

#include <uv.h>

#include "policy/base/str.h"

#define HANDSHAKES_SLICE_NS UINT64_C(2000000)
/* People are at work so long after a request; about as many requests take the time of a full
 * handshake. */
#define HANDSHAKES_PEOPLE_MS 1000
#define HANDSHAKES_REQUESTS  8
#define HANDSHAKES_AGE_MS    1000
/* Connections in line, and the octets that they hold together; of one of them. */
#define HANDSHAKES_LINE    4096
#define HANDSHAKES_HELD    (8 * 1024 * 1024)
#define HANDSHAKE_HELD_MAX (16 * 1024)

enum handshake_state {
    HANDSHAKE_NONE,
    HANDSHAKE_READS, /* a part of a ClientHello has come */
    HANDSHAKE_WAITS, /* in line */
    HANDSHAKE_UNDER_WAY,
};

/* Embedded in a connection. */
struct handshake {
    struct handshake *next, *prev;
    enum handshake_state state;
    bool known;        /* the address is */
    uint64_t begun_ms; /* since it is under way */
    char *held;        /* what was read before it is under way, owned */
    size_t held_len;
};

struct handshake_ops {
    /* Its turn: handshakes_begin, and feed what that gives. */
    void (*go)(struct handshake *handshake);
    /* Longest under way while others wait: end it. */
    void (*late)(struct handshake *handshake);
};

struct handshakes {
    struct handshake waiting_known, waiting, under_way; /* heads of rings */
    size_t line, held;
    size_t known_count, count; /* under way */
    size_t max;                /* of `count`; the configuration's */
    size_t requests;           /* of this turn */
    uint64_t person_ms;        /* when somebody asked who had signed in before */
    uint64_t slice_ns;         /* HANDSHAKES_SLICE_NS; tests have all the time */
    const struct handshake_ops *ops;
    uv_idle_t idle; /* runs while somebody waits who may go in the next turn */
};

void handshakes_init(struct handshakes *h, uv_loop_t *loop);
/* The loop stops: nobody waits any more. */
void handshakes_close(struct handshakes *h);

/* Keep octets that were read. False: no room; nothing was kept. */
MUST_USE bool handshakes_hold(struct handshakes *h, struct handshake *handshake, struct str octets);
/* Its ClientHello is complete. Fine where it is in line. False: the line is full. */
MUST_USE bool handshakes_line_up(struct handshakes *h, struct handshake *handshake);
/* From `go`: it is under way. What was held; to be freed. */
char *handshakes_begin(struct handshakes *h, struct handshake *handshake, uint64_t now_ms,
                       size_t *len);
/* It is through, or its connection ends. Fine in any state. */
void handshakes_leave(struct handshakes *h, struct handshake *handshake);
/* Does somebody wait for a turn? */
bool handshakes_wait(const struct handshakes *h);
/* A request came; `person`: over a connection over which somebody had signed in before. */
void handshakes_note_request(struct handshakes *h, bool person, uint64_t now_ms);
/* Once in each turn of the loop: those in line go, as above. */
void handshakes_turn(struct handshakes *h, uint64_t now_ms);

#endif
