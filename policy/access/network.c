#include "policy/access/network.h"

#include <string.h>

#define MAPPED_BITS 96

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits) {
    size_t whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(a, b, whole) != 0) return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool network_holds(const struct network *network, const struct network_address *address) {
    static const uint8_t unknown[16] = {0};
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(address->bytes, unknown, sizeof(unknown)) == 0) return false;
    bool ipv4 = same_prefix(address->bytes, mapped, MAPPED_BITS);
    if (ipv4 && network->prefix_bits < MAPPED_BITS) return false;
    return same_prefix(network->bytes, address->bytes, network->prefix_bits);
}
