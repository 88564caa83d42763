#include "proxy/run/handshakes.h"

#include <stdlib.h>
#include <string.h>

static void ring_init(struct handshake *head) {
    head->next = head->prev = head;
}

static bool ring_is_empty(const struct handshake *head) {
    return head->next == head;
}

static void ring_append(struct handshake *head, struct handshake *handshake) {
    handshake->next = head;
    handshake->prev = head->prev;
    handshake->prev->next = handshake;
    head->prev = handshake;
}

static void ring_remove(struct handshake *handshake) {
    handshake->next->prev = handshake->prev;
    handshake->prev->next = handshake->next;
    handshake->next = handshake->prev = NULL;
}

static void on_idle(uv_idle_t *idle) {
    (void)idle; /* that it runs keeps the loop from sleeping */
}

void handshakes_init(struct handshakes *h, uv_loop_t *loop) {
    *h = (struct handshakes){.max = SIZE_MAX, .slice_ns = HANDSHAKES_SLICE_NS};
    ring_init(&h->waiting_known);
    ring_init(&h->waiting);
    ring_init(&h->under_way);
    uv_idle_init(loop, &h->idle);
}

void handshakes_close(struct handshakes *h) {
    uv_close((uv_handle_t *)&h->idle, NULL);
}

static bool has_place(const struct handshakes *h, bool known) {
    return known ? h->known_count + h->count < h->max + h->max / 4 + 1 : h->count < h->max;
}

bool handshakes_hold(struct handshakes *h, struct handshake *handshake, struct str octets) {
    size_t len = handshake->held_len + octets.len;
    /* Half of it is not for strangers: who never completes a ClientHello keeps nobody else out. */
    size_t most = handshake->known ? HANDSHAKES_HELD : HANDSHAKES_HELD / 2;
    if (len > HANDSHAKE_HELD_MAX || h->held + octets.len > most) return false;
    char *held = realloc(handshake->held, len);
    ENSURE(held != NULL);
    memcpy(held + handshake->held_len, octets.ptr, octets.len);
    handshake->held = held;
    handshake->held_len = len;
    h->held += octets.len;
    if (handshake->state == HANDSHAKE_NONE) handshake->state = HANDSHAKE_READS;
    return true;
}

bool handshakes_line_up(struct handshakes *h, struct handshake *handshake) {
    if (handshake->state == HANDSHAKE_WAITS) return true;
    ENSURE(handshake->state == HANDSHAKE_READS);
    /* Half of the line is not for strangers. */
    if (h->line >= (handshake->known ? HANDSHAKES_LINE : HANDSHAKES_LINE / 2)) return false;
    handshake->state = HANDSHAKE_WAITS;
    ring_append(handshake->known ? &h->waiting_known : &h->waiting, handshake);
    h->line++;
    return true;
}

/* The octets held are the caller's. */
static char *step_out(struct handshakes *h, struct handshake *handshake, size_t *len) {
    char *held = handshake->held;
    *len = handshake->held_len;
    h->held -= handshake->held_len;
    handshake->held = NULL;
    handshake->held_len = 0;
    if (handshake->state == HANDSHAKE_WAITS) {
        ring_remove(handshake);
        h->line--;
    }
    return held;
}

char *handshakes_begin(struct handshakes *h, struct handshake *handshake, uint64_t now_ms,
                       size_t *len) {
    ENSURE(handshake->state == HANDSHAKE_WAITS);
    char *held = step_out(h, handshake, len);
    handshake->state = HANDSHAKE_UNDER_WAY;
    handshake->begun_ms = now_ms;
    ring_append(&h->under_way, handshake);
    if (handshake->known)
        h->known_count++;
    else
        h->count++;
    return held;
}

void handshakes_leave(struct handshakes *h, struct handshake *handshake) {
    size_t len;
    if (handshake->state == HANDSHAKE_UNDER_WAY) {
        ring_remove(handshake);
        if (handshake->known)
            h->known_count--;
        else
            h->count--;
    } else {
        free(step_out(h, handshake, &len));
    }
    handshake->state = HANDSHAKE_NONE;
}

/* The first in line that may go. */
static struct handshake *first_in_line(struct handshakes *h) {
    if (!ring_is_empty(&h->waiting_known) && has_place(h, true)) return h->waiting_known.next;
    if (!ring_is_empty(&h->waiting) && has_place(h, false)) return h->waiting.next;
    return NULL;
}

/* The one longest under way that has had its time: a stranger's, since the place of somebody known
 * is of no use to strangers; where somebody known waits, else whosoever. NULL: none. */
static struct handshake *latest(struct handshakes *h, uint64_t now_ms) {
    struct handshake *oldest = h->under_way.next, *at = oldest;
    while (at != &h->under_way && now_ms - at->begun_ms >= HANDSHAKES_AGE_MS) {
        if (!at->known) return at;
        at = at->next;
    }
    return at != oldest && !ring_is_empty(&h->waiting_known) ? oldest : NULL;
}

/* Nobody in line may go. */
static bool end_late(struct handshakes *h, uint64_t now_ms) {
    struct handshake *late = h->line > 0 ? latest(h, now_ms) : NULL;
    if (late != NULL) h->ops->late(late);
    return late != NULL;
}

bool handshakes_wait(const struct handshakes *h) {
    return h->line > 0;
}

void handshakes_note_request(struct handshakes *h, bool person, uint64_t now_ms) {
    h->requests++;
    if (person) h->person_ms = now_ms;
}

/* How many a turn may begin. */
static size_t most_now(struct handshakes *h, uint64_t now_ms) {
    size_t requests = h->requests;
    h->requests = 0;
    if (now_ms - h->person_ms >= HANDSHAKES_PEOPLE_MS) return SIZE_MAX;
    return 1 + requests / HANDSHAKES_REQUESTS;
}

void handshakes_turn(struct handshakes *h, uint64_t now_ms) {
    size_t left = most_now(h, now_ms);
    if (h->line == 0 && uv_is_active((const uv_handle_t *)&h->idle) == 0) return;
    uint64_t end_ns = uv_hrtime() + h->slice_ns;
    do {
        struct handshake *first = first_in_line(h);
        if (first != NULL) {
            h->ops->go(first);
            left--;
        } else if (!end_late(h, now_ms)) {
            break;
        }
    } while (left > 0 && uv_hrtime() < end_ns);
    if (first_in_line(h) != NULL)
        uv_idle_start(&h->idle, on_idle);
    else
        uv_idle_stop(&h->idle);
}
