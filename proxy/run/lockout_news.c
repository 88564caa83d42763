#include "proxy/run/lockout_news.h"

#include <arpa/inet.h>
#include <string.h>

#include "proxy/record/record.h"

/* What was blocked, and how it ended. */
static const char *const reasons[3][4] = {
    [LOCKOUT_PAIR] = {"user_at_address", "user_at_address_expired", "user_at_address_unlocked",
                      "user_at_address_evicted"},
    [LOCKOUT_USER] = {"user", "user_expired", "user_unlocked", "user_evicted"},
    [LOCKOUT_ADDRESS] = {"address", "address_expired", "address_unlocked", "address_evicted"},
};

/* As it is counted: IPv4, or the /64 of IPv6. */
static struct str address_text(const struct lockout_address *address, char out[64]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v4 = memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
    if (v4)
        inet_ntop(AF_INET, address->bytes + 12, out, 60);
    else
        inet_ntop(AF_INET6, address->bytes, out, 60);
    size_t len = strlen(out);
    if (!v4) memcpy(out + len, "/64", 4);
    return str_of(out);
}

static void tell(const struct shared *shared, struct hasher *hasher,
                 const struct lockout_event *event) {
    char text[64];
    struct decision decision = {
        .authn = {.claimed = {event->name, event->name_len},
                  .claimed_is_known = event->name_is_known},
    };
    bool begun = event->end == LOCKOUT_BEGUN;
    struct record record = {
        .event = begun ? "lockout_started" : "lockout_ended",
        .outcome = begun ? "denied" : "allowed",
        .reason = reasons[event->kind][event->end],
        .src_ip = address_text(&event->address, text),
        .decision = &decision,
        .claim_key = shared->claim_key,
        .hasher = hasher,
        .total_ms = (int64_t)event->length_ms,
        .queue_ms = -1,
        .connect_ms = -1,
        .first_byte_ms = -1,
    };
    record_write(shared->log, &record);
}

void lockout_news_tell(const struct shared *shared, struct hasher *hasher, uint64_t now_ms) {
    struct lockout_event event;
    bool any = false;
    while (lockout_next_event(shared->lockout, now_ms, &event)) {
        tell(shared, hasher, &event);
        any = true;
    }
    if (any) access_log_flush(shared->log);
}
