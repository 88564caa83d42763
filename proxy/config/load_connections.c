/* Limits of connections: those that hang on each other, and on the machine. */
#include <sys/resource.h>
#include <unistd.h>

#include "proxy/config/loader.h"

/* Unless `header_s` is shorter. */
#define HANDSHAKE_MS 10000

/* What the gate opens for itself: logs, state, configuration while it is read anew; and a worker:
 * its loop, its listeners, what they keep in reserve. */
#define OWN_DESCRIPTORS    48
#define WORKER_DESCRIPTORS 16

size_t config_descriptors(bool hard) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 1024;
    return (size_t)(hard ? files.rlim_max : files.rlim_cur);
}

size_t config_connections_room(const struct config *config, size_t descriptors) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t workers = config->workers > 0 ? config->workers : cores > 0 ? (size_t)cores : 1;
    size_t own = OWN_DESCRIPTORS + WORKER_DESCRIPTORS * workers;
    size_t left = descriptors > 2 * own ? descriptors - own : descriptors / 2;
    /* Two connections to each phone, and at least a quarter for people where that is more. */
    size_t phones = 2 * config->policy.phone_count;
    left -= phones < left - left / 4 ? phones : left - left / 4;
    /* peers.h lets an eighth more in, at least 8, to be told that there is no room. */
    size_t told = left / 9 > 8 ? left / 9 : 8;
    return left > told ? left - told : 1;
}

void load_connection_limits(struct loader *l) {
    struct config_limits *limits = &l->snapshot->config.limits;
    const config_setting_t *group = config_setting_get_member(l->root, "limits");
    if (limits->handshake_ms == 0)
        limits->handshake_ms = limits->header_ms < HANDSHAKE_MS ? limits->header_ms : HANDSHAKE_MS;
    if (limits->answer_stall_ms == 0) limits->answer_stall_ms = limits->body_stall_ms;
    if (limits->answer_min_bytes_s == NOT_SAID)
        limits->answer_min_bytes_s = limits->body_min_bytes_s;
    if (limits->connections_reserve == NOT_SAID)
        limits->connections_reserve = limits->connections / 8;
    if (limits->handshakes_per_address == NOT_SAID)
        limits->handshakes_per_address = limits->connections_per_address;
    if (limits->connections_reserve >= limits->connections && group != NULL)
        reader_error(&l->reader, reader_at(group, "connections_reserve"),
                     "\"connections_reserve\" is %zu, but must be less than \"connections\" (%zu)",
                     limits->connections_reserve, limits->connections);
}
