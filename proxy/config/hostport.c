#include "proxy/config/hostport.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <string.h>

#define LITERAL_MAX 63

/* inet_pton wants a NUL behind its text. */
static bool literal(int family, struct str text, void *bytes) {
    char copy[LITERAL_MAX + 1];
    if (text.len == 0 || text.len > LITERAL_MAX) return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, bytes) == 1;
}

/* "[v6]" without its brackets. */
static bool unbracket(struct str text, struct str *inner) {
    if (text.len < 3 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']') return false;
    *inner = str_part(text, 1, text.len - 2);
    return true;
}

/* Split "host:port" where there is a port; the brackets of a literal stay. Port 0: none. */
static bool split_port(struct str text, struct str *host, uint16_t *port) {
    size_t from = text.len > 0 && text.ptr[0] == '[' ? str_find(text, ']', 0) : 0;
    size_t colon = str_find(text, ':', from);
    *host = str_part(text, 0, colon);
    *port = 0;
    if (colon == text.len) return true;
    uint64_t value;
    if (!str_to_u64(str_part(text, colon + 1, text.len), UINT16_MAX, &value) || value == 0)
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool address_of(struct str host, uint16_t port, struct config_address *address) {
    struct sockaddr_in *v4 = (void *)&address->addr;
    struct sockaddr_in6 *v6 = (void *)&address->addr;
    memset(&address->addr, 0, sizeof(address->addr));
    if (literal(AF_INET, host, &v4->sin_addr)) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return true;
    }
    struct str inner;
    if (!unbracket(host, &inner) || !literal(AF_INET6, inner, &v6->sin6_addr)) return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return true;
}

bool hostport_address(struct str text, struct config_address *address) {
    struct str host;
    uint16_t port;
    return split_port(text, &host, &port) && port != 0 && address_of(host, port, address);
}

bool hostport_network(struct str text, struct config_network *network) {
    size_t slash = str_find(text, '/', 0);
    struct str address = str_part(text, 0, slash);
    *network = (struct config_network){.family = AF_INET};
    if (!literal(AF_INET, address, network->bytes)) network->family = AF_INET6;
    if (network->family == AF_INET6 && !literal(AF_INET6, address, network->bytes)) return false;
    unsigned bits = network->family == AF_INET ? 32 : 128;
    network->prefix_bits = bits;
    if (slash == text.len) return true;
    uint64_t prefix;
    if (!str_to_u64(str_part(text, slash + 1, text.len), bits, &prefix)) return false;
    network->prefix_bits = (unsigned)prefix;
    for (unsigned bit = (unsigned)prefix; bit < bits; bit++)
        if ((network->bytes[bit / 8] & (0x80U >> bit % 8)) != 0) return false;
    return true;
}

/* Letters, digits, '-' and '_' in labels of 1 to 63, 253 in all. */
static bool name_is_good(struct str name) {
    if (name.len == 0 || name.len > 253) return false;
    struct str rest = name, label;
    bool all_digits = true; /* of the last label: such a name would be taken for an address */
    while (str_split(&rest, '.', &label)) {
        if (label.len == 0 || label.len > 63) return false;
        if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-') return false;
        all_digits = true;
        for (size_t i = 0; i < label.len; i++) {
            char c = label.ptr[i];
            if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '_') return false;
            if (!ascii_is_digit(c)) all_digits = false;
        }
    }
    return !all_digits;
}

bool hostport_name(struct str text, char name[HOSTPORT_NAME_MAX + 1]) {
    struct str host, inner;
    uint16_t port;
    struct in_addr v4;
    struct in6_addr v6;
    if (!split_port(text, &host, &port)) return false;
    if (unbracket(host, &inner)) {
        name[0] = '[';
        if (!literal(AF_INET6, inner, &v6)) return false;
        if (inet_ntop(AF_INET6, &v6, name + 1, INET6_ADDRSTRLEN) == NULL) return false;
        size_t len = strlen(name);
        memcpy(name + len, "]", 2);
        return true;
    }
    if (host.len > 1 && host.ptr[host.len - 1] == '.') host.len--;
    if (!literal(AF_INET, host, &v4) && !name_is_good(host)) return false;
    for (size_t i = 0; i < host.len; i++) name[i] = ascii_lower(host.ptr[i]);
    name[host.len] = '\0';
    return true;
}

bool hostport_url(struct str text, struct hostport_url *url) {
    *url = (struct hostport_url){.tls = str_starts_with_icase(text, STR("https://"))};
    if (!url->tls && !str_starts_with_icase(text, STR("http://"))) return false;
    url->authority = str_part(text, str_find(text, '/', 0) + 2, text.len);
    if (str_ends_with(url->authority, STR("/"))) url->authority.len--;
    if (!split_port(url->authority, &url->host, &url->port)) return false;
    char name[HOSTPORT_NAME_MAX + 1];
    if (!hostport_name(url->host, name)) return false;
    if (url->port == 0) url->port = url->tls ? 443 : 80;
    struct str inner;
    if (unbracket(url->host, &inner)) url->host = inner;
    if (str_ends_with(url->host, STR("."))) url->host.len--;
    return true;
}

/* 16 bytes for both families: an IPv4 address is the same as its mapped form. */
static void bytes_of(const struct sockaddr *addr, uint8_t bytes[16]) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)addr;
        memcpy(bytes, mapped, sizeof(mapped));
        memcpy(bytes + 12, &v4->sin_addr, 4);
    } else {
        const struct sockaddr_in6 *v6 = (const void *)addr;
        memcpy(bytes, &v6->sin6_addr, 16);
    }
}

static bool is_v4(const uint8_t bytes[16]) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

static bool is_wildcard(const uint8_t bytes[16]) {
    static const uint8_t zero[16];
    return is_v4(bytes) ? memcmp(bytes + 12, zero, 4) == 0 : memcmp(bytes, zero, 16) == 0;
}

static bool is_loopback(const uint8_t bytes[16]) {
    static const uint8_t one[16] = {[15] = 1};
    return is_v4(bytes) ? bytes[12] == 127 : memcmp(bytes, one, 16) == 0;
}

void hostport_local_load(struct hostport_local *local) {
    *local = (struct hostport_local){0};
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return;
    size_t count = 0;
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) count++;
    local->addresses = calloc(count + 1, sizeof(*local->addresses));
    ENSURE(local->addresses != NULL);
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        if (one->ifa_addr == NULL) continue;
        int family = one->ifa_addr->sa_family;
        if (family == AF_INET || family == AF_INET6)
            bytes_of(one->ifa_addr, local->addresses[local->count++]);
    }
    freeifaddrs(all);
}

void hostport_local_free(struct hostport_local *local) {
    free(local->addresses);
    *local = (struct hostport_local){0};
}

static bool is_local(const uint8_t bytes[16], const struct hostport_local *local) {
    if (is_loopback(bytes) || is_wildcard(bytes)) return true;
    for (size_t i = 0; i < local->count; i++)
        if (memcmp(local->addresses[i], bytes, 16) == 0) return true;
    return false;
}

static uint16_t port_of(const struct config_address *address) {
    const struct sockaddr_in *v4 = (const void *)&address->addr;
    const struct sockaddr_in6 *v6 = (const void *)&address->addr;
    return ntohs(address->addr.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
}

static bool reaches(const uint8_t phone[16], const uint8_t own[16],
                    const struct hostport_local *local) {
    if (is_v4(phone) != is_v4(own)) return false;
    if (memcmp(phone, own, 16) == 0) return true;
    /* Connecting to the unspecified address means this machine. */
    if (is_wildcard(own)) return is_local(phone, local);
    return is_wildcard(phone) && is_loopback(own);
}

bool hostport_reaches(const struct hostport_url *url, const struct config_address *address,
                      const struct hostport_local *local) {
    static const uint8_t loopback4[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    static const uint8_t loopback6[16] = {[15] = 1};
    if (url->port != port_of(address)) return false;
    uint8_t own[16], phone[16];
    bytes_of((const void *)&address->addr, own);
    if (str_equal_icase(url->host, STR("localhost")))
        return reaches(loopback4, own, local) || reaches(loopback6, own, local);
    struct sockaddr_storage addr = {.ss_family = AF_INET};
    struct sockaddr_in *v4 = (void *)&addr;
    struct sockaddr_in6 *v6 = (void *)&addr;
    if (!literal(AF_INET, url->host, &v4->sin_addr)) {
        addr.ss_family = AF_INET6;
        if (!literal(AF_INET6, url->host, &v6->sin6_addr)) return false;
    }
    bytes_of((const void *)&addr, phone);
    return reaches(phone, own, local);
}

bool hostport_overlap(const struct config_address *a, const struct config_address *b) {
    if (a->addr.ss_family != b->addr.ss_family || port_of(a) != port_of(b)) return false;
    uint8_t left[16], right[16];
    bytes_of((const void *)&a->addr, left);
    bytes_of((const void *)&b->addr, right);
    return memcmp(left, right, 16) == 0 || is_wildcard(left) || is_wildcard(right);
}
