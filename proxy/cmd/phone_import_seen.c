/* What no two phones may share: in the table, and with phones of the configuration. */
#include <string.h>

#include "proxy/cmd/phone_import_parts.h"

/* Values below it are lines of the table, others are places in the configuration. */
#define OF_CONFIG ((size_t)1 << 40)

static const char *const kinds[SEEN_KINDS] = {
    [SEEN_MAC] = "MAC",
    [SEEN_ID] = "id",
    [SEEN_HOST] = "host",
    [SEEN_ADDRESS] = "address",
};

static struct str keep(struct importing *im, struct str text) {
    struct str copy = arena_copy(&im->arena, text);
    ENSURE(copy.ptr != NULL);
    return copy;
}

/* One spelling for "HOST:443", "host" and "[2001:DB8::1]". Empty where it is no host. */
static struct str address_key(struct importing *im, struct str authority, uint16_t port) {
    char name[HOSTPORT_NAME_MAX + 1], memory[HOSTPORT_NAME_MAX + 8];
    struct outbuf out;
    if (!hostport_name(authority, name)) return STR_NONE;
    outbuf_init(&out, memory, sizeof(memory));
    outbuf_put(&out, str_of(name));
    outbuf_char(&out, ':');
    outbuf_u64(&out, port);
    return keep(im, outbuf_str(&out));
}

static void know(struct importing *im, int kind, struct str value, size_t where) {
    size_t old;
    if (value.len == 0 || strmap_add(&im->seen[kind], value, where, &old) || where >= OF_CONFIG)
        return;
    if (old < OF_CONFIG)
        import_problem(im, "%s %s stands already in line %zu", kinds[kind], value.ptr, old);
    else if (old - OF_CONFIG < im->in->config->policy.phone_count)
        import_problem(im, "%s %s is that of phone \"%s\" of the configuration", kinds[kind],
                       value.ptr, im->in->config->policy.phones[old - OF_CONFIG].id.ptr);
    else
        import_problem(im, "%s %s is the gate's own", kinds[kind], value.ptr);
}

void import_know_config(struct importing *im) {
    const struct config *config = im->in->config;
    const struct policy *policy = &config->policy;
    for (size_t i = 0; i < policy->phone_count; i++) {
        const struct config_phone *phone = &config->phones[i];
        know(im, SEEN_MAC, phone->mac, OF_CONFIG + i);
        know(im, SEEN_ID, policy->phones[i].id, OF_CONFIG + i);
        know(im, SEEN_HOST, policy->phones[i].host, OF_CONFIG + i);
        know(im, SEEN_ADDRESS, address_key(im, phone->authority, phone->port), OF_CONFIG + i);
    }
    for (size_t i = 0; i < policy->portal_host_count; i++)
        know(im, SEEN_HOST, policy->portal_hosts[i], OF_CONFIG + policy->phone_count);
}

void import_know(struct importing *im, const struct import_phone *phone) {
    struct hostport_url url;
    know(im, SEEN_MAC, phone->mac, im->line);
    know(im, SEEN_ID, phone->id, im->line);
    know(im, SEEN_HOST, phone->host, im->line);
    if (phone->url.len > 0 && hostport_url(phone->url, &url))
        know(im, SEEN_ADDRESS, address_key(im, url.authority, url.port), im->line);
}
