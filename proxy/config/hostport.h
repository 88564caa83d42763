/* hostport.h: host names, addresses with ports, networks and the url of a phone.
 *
 * Literals only: nothing is resolved here. */
#ifndef PROXY_CONFIG_HOSTPORT_H
#define PROXY_CONFIG_HOSTPORT_H

#include "proxy/config/config.h"

#define HOSTPORT_NAME_MAX 255

/* "192.0.2.1:443" or "[2001:db8::1]:443"; the port is 1 to 65535. `address->text` is left alone. */
MUST_USE bool hostport_address(struct str text, struct config_address *address);

/* An address, or an address and a prefix length without host bits: "192.0.2.0/24". */
MUST_USE bool hostport_network(struct str text, struct config_network *network);

/* The spelling under which hosts are compared: lower case, no port, no trailing dot; IPv6 literals
 * in brackets and in their shortest form. False where `text` is no host. */
MUST_USE bool hostport_name(struct str text, char name[HOSTPORT_NAME_MAX + 1]);

struct hostport_url {
    bool tls;
    struct str authority; /* as written, a part of the url */
    struct str host;      /* without port and brackets */
    uint16_t port;
};

/* "https://host[:port]" or "http://...", with or without one '/' at the end and nothing else. */
MUST_USE bool hostport_url(struct str text, struct hostport_url *url);

/* The addresses of this machine's interfaces, IPv4 in mapped form. */
struct hostport_local {
    uint8_t (*addresses)[16];
    size_t count;
};

void hostport_local_load(struct hostport_local *local);
void hostport_local_free(struct hostport_local *local);

/* Would a connection to this url reach a listener on `address`? A wildcard stands for loopback and
 * every address in `local`. */
bool hostport_reaches(const struct hostport_url *url, const struct config_address *address,
                      const struct hostport_local *local);

/* Do two listeners stand in each other's way: same family and port, and the same address or a
 * wildcard? */
bool hostport_overlap(const struct config_address *a, const struct config_address *b);

#endif
