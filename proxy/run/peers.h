/* peers.h: how many connections there are, in all and from each address.
 *
 * Shared by all workers, behind one lock taken once per connection and once at its end. IPv6 peers
 * count by /64: one customer has all of it. */
#ifndef PROXY_RUN_PEERS_H
#define PROXY_RUN_PEERS_H

#include <sys/socket.h>

#include "policy/access/network.h"

struct peers;

/* The address as it is counted. */
struct peer_key {
    uint8_t bytes[16];
};

enum peers_verdict {
    PEERS_OK,
    PEERS_FULL,         /* `connections` reached: counted all the same, to be answered 503 */
    PEERS_ADDRESS_FULL, /* `connections_per_address` reached: likewise */
    PEERS_REFUSED, /* the reserve for saying 503 is used up as well: not counted, close at once */
};

struct peers *peers_new(const uint64_t key[2]);
void peers_free(struct peers *p);

struct peer_key peer_key_of(const struct sockaddr *addr);
/* The whole address. */
struct network_address peer_address_of(const struct sockaddr *addr);

/* Count a new connection. Beyond a limit a reserve of an eighth (at least 8) is admitted to be told
 * 503. */
MUST_USE enum peers_verdict peers_add(struct peers *p, const struct peer_key *key, size_t total_max,
                                      size_t address_max);
void peers_remove(struct peers *p, const struct peer_key *key);
size_t peers_total(struct peers *p);

#endif
