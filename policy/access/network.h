/* network.h: where a person comes from.
 *
 * An IPv4 address is the same whether it comes as IPv4 or mapped into IPv6, and no network of IPv6
 * that is wider than the mapped ones holds any of them: "::/0" is everybody with IPv6. */
#ifndef POLICY_ACCESS_NETWORK_H
#define POLICY_ACCESS_NETWORK_H

#include "policy/base/str.h"

/* IPv4 as ::ffff:a.b.c.d; all zero: nobody knows, and no network holds it. */
struct network_address {
    uint8_t bytes[16];
};

struct network {
    uint8_t bytes[16];    /* IPv4 as above */
    unsigned prefix_bits; /* of all 128: 96 more than written for IPv4 */
};

bool network_holds(const struct network *network, const struct network_address *address);

#endif
