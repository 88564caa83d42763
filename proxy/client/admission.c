#include "proxy/client/admission.h"

#include <string.h>

#include "proxy/client/first.h"

static const struct config_limits *limits_of(const struct conn *c) {
    return &c->worker->site->config->limits;
}

static void turn_away(struct conn *c, enum turned_away why, const char *reason) {
    struct worker *w = c->worker;
    atomic_fetch_add(&w->shared->defence.away[why], 1);
    if (worker_may_tell(w, &w->away_told, ADMISSION_RECORDS_S))
        first_record(c, "connection_refused", reason, 0);
    conn_end(c, reason);
}

static void shed(struct guest *guest, enum shed_why why) {
    struct conn *c = container_of(guest, struct conn, guest);
    atomic_fetch_add(&c->worker->shared->defence.shed[why], 1);
    admission_leave(c);
    conn_end(c, "connection_shed");
}

/* ---- entering ---- */

static enum peers_verdict count(struct conn *c) {
    const struct config_limits *l = limits_of(c);
    struct shared *shared = c->worker->shared;
    size_t room = atomic_load(&shared->connections_room);
    struct peers_limits limits = {
        .total = l->connections < room ? l->connections : room,
        .per_address = l->connections_per_address,
        .reserve = l->connections_reserve,
        .rate = c->kind == CONN_PLAIN ? 0 : l->handshake_rate,
        .burst = l->handshake_burst,
        .known_ms = l->known_ms,
    };
    /* Fewer descriptors than `connections` wants: the reserve shrinks with them. */
    if (limits.total < l->connections && limits.reserve > limits.total / 8)
        limits.reserve = limits.total / 8;
    return peers_add(shared->peers, &limits, &c->peer, worker_now(c->worker));
}

/* One that may go for `c`: of its own address where that is full, no known one for a stranger. */
static struct guest *spare_for(struct conn *c, enum peers_verdict verdict, enum shed_why *why) {
    struct crowd *crowd = &c->worker->crowd;
    uint64_t now = worker_now(c->worker);
    struct guest *guest = NULL;
    *why = SHED_ADDRESS;
    if (verdict != PEERS_FULL) guest = crowd_oldest_of(crowd, &c->peer.key, now);
    bool of_address = verdict == PEERS_ADDRESS_FULL || verdict == PEERS_ADDRESS_REFUSED;
    if (of_address || guest != NULL) return guest;
    *why = SHED_TOTAL;
    return c->peer.known ? crowd_oldest(crowd, now) : crowd_oldest_stranger(crowd, now);
}

static void refuse(struct conn *c, enum peers_verdict verdict) {
    if (verdict == PEERS_TOO_FAST)
        turn_away(c, AWAY_RATE, "address_too_fast");
    else if (verdict == PEERS_ADDRESS_REFUSED)
        turn_away(c, AWAY_ADDRESS, "address_connections_full");
    else
        turn_away(c, AWAY_TOTAL, "connections_full");
}

bool admission_enter(struct conn *c) {
    if (c->kind == CONN_STATUS) {
        c->is_status = c->worker->status_conns < ADMISSION_STATUS_MAX;
        if (!c->is_status) turn_away(c, AWAY_TOTAL, "status_connections_full");
        c->worker->status_conns += c->is_status;
        return c->is_status;
    }
    enum peers_verdict verdict = count(c);
    /* Where not even room to be told was left, one goes for that, and one for the other. */
    for (int i = 0; i < 2 && verdict != PEERS_OK && verdict != PEERS_TOO_FAST; i++) {
        enum shed_why why;
        struct guest *spare = spare_for(c, verdict, &why);
        if (spare == NULL) break;
        shed(spare, why);
        verdict = c->peer.counted ? PEERS_OK : count(c);
    }
    if (!c->peer.counted) {
        refuse(c, verdict);
        return false;
    }
    c->admission = verdict;
    if (verdict != PEERS_OK)
        atomic_fetch_add(
            &c->worker->shared->defence.away[verdict == PEERS_FULL ? AWAY_TOTAL : AWAY_ADDRESS], 1);
    crowd_join(&c->worker->crowd, &c->guest, &c->peer, worker_now(c->worker));
    return true;
}

void admission_prove(struct conn *c) {
    if (c->peer.proved) return;
    peers_prove(c->worker->shared->peers, &c->peer, worker_now(c->worker));
    crowd_leave(&c->worker->crowd, &c->guest);
}

void admission_leave(struct conn *c) {
    struct worker *w = c->worker;
    handshakes_leave(&w->handshakes, &c->handshake);
    crowd_leave(&w->crowd, &c->guest);
    peers_remove(w->shared->peers, &c->peer, worker_now(w));
    w->status_conns -= c->is_status;
    c->is_status = false;
}

/* ---- TLS ---- */

static void go(struct handshake *handshake) {
    struct conn *c = container_of(handshake, struct conn, handshake);
    size_t len;
    char *hello = handshakes_begin(&c->worker->handshakes, handshake, worker_now(c->worker), &len);
    first_start_tls(c, (struct str){hello, len});
    free(hello);
}

static void late(struct handshake *handshake) {
    shed(&container_of(handshake, struct conn, handshake)->guest, SHED_HANDSHAKE);
}

static const struct handshake_ops handshake_ops = {.go = go, .late = late};

/* The first record is there (RFC 8446 5.1): type, version, two octets of length, that many. */
static bool is_complete(const struct handshake *handshake) {
    const unsigned char *octets = (const unsigned char *)handshake->held;
    if (handshake->held_len < 5) return false;
    size_t len = (size_t)octets[3] << 8 | octets[4];
    return handshake->held_len >= 5 + len || 5 + len > HANDSHAKE_HELD_MAX;
}

void admission_hello(struct conn *c, struct str data) {
    struct handshakes *h = &c->worker->handshakes;
    if (c->handshake.state == HANDSHAKE_NONE) {
        c->handshake.known = c->peer.known;
        if (!c->peer.known &&
            !crowd_handshake_begin(&c->guest, limits_of(c)->handshakes_per_address)) {
            turn_away(c, AWAY_HANDSHAKES, "address_handshakes_full");
            return;
        }
    }
    h->max = limits_of(c)->handshakes;
    h->ops = &handshake_ops;
    if (!handshakes_hold(h, &c->handshake, data) ||
        (is_complete(&c->handshake) && !handshakes_line_up(h, &c->handshake)))
        turn_away(c, AWAY_HANDSHAKES, "handshakes_full");
}

void admission_greeted(struct conn *c) {
    handshakes_leave(&c->worker->handshakes, &c->handshake);
    crowd_handshake_end(&c->guest);
}

/* ---- descriptors ---- */

/* A person's connection over which nothing goes: the browser opens another when it needs one. Not
 * looked for among all, since this may come often. */
static struct conn *idle_person(struct worker *w) {
    int looked = 0;
    for (struct conn *c = w->conns; c != NULL && looked < 256; c = c->next, looked++)
        if (c->peer.proved && c->state == CONN_IDLE && c->cold) return c;
    return NULL;
}

bool admission_spare_stranger(struct worker *w) {
    struct guest *guest = crowd_oldest(&w->crowd, worker_now(w));
    if (guest != NULL) shed(guest, SHED_DESCRIPTORS);
    return guest != NULL;
}

bool admission_make_room(struct worker *w) {
    if (admission_spare_stranger(w)) return true;
    struct conn *idle = idle_person(w);
    if (idle != NULL) shed(&idle->guest, SHED_DESCRIPTORS);
    return idle != NULL;
}
