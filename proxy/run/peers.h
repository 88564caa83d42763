/* peers.h: how many connections there are, in all and from each address, and from which addresses
 * somebody has lately signed in.
 *
 * A connection is a stranger's until a right password came over it, unless somebody signed in from
 * its address within `known_ms`. Strangers may hold all connections but the reserve, so that who
 * works with the gate finds room while it is being flooded. Shared by all workers, behind one lock
 * taken once per connection, once at its sign-in and once at its end; memory is bounded, each call
 * takes constant time. IPv6 peers count by /64: one customer has all of it. */
#ifndef PROXY_RUN_PEERS_H
#define PROXY_RUN_PEERS_H

#include <sys/socket.h>

#include "policy/access/network.h"

/* Addresses remembered, of people and of strangers that open connections fast: PEERS_WAYS entries
 * each in so many sets; in a full set the one longest unseen goes. */
#define PEERS_SETS 4096
#define PEERS_WAYS 4

struct peers;

/* The address as it is counted. */
struct peer_key {
    uint8_t bytes[16];
};

enum peers_verdict {
    PEERS_OK,
    PEERS_FULL,         /* no room in all: counted all the same, to be answered 503 */
    PEERS_ADDRESS_FULL, /* `per_address` reached: likewise */
    PEERS_REFUSED,      /* the room for saying 503 is used up as well: not counted, close at once */
    PEERS_ADDRESS_REFUSED, /* its address's is: likewise */
    PEERS_TOO_FAST,        /* a stranger's address opens too many a second: likewise */
};

struct peers_limits {
    size_t total, per_address;
    size_t reserve;       /* of `total`, not for strangers */
    uint64_t rate, burst; /* new connections a second from a stranger's address; rate 0: any */
    uint64_t known_ms;
};

/* A connection as it is counted; the owner keeps it and gives it back. */
struct peer {
    struct peer_key key;
    bool counted;
    bool known;  /* the address is, or somebody has signed in on this connection */
    bool proved; /* somebody has signed in on this connection */
};

struct peers_numbers {
    size_t total, strangers;
};

struct peers *peers_new(const uint64_t key[2]);
void peers_free(struct peers *p);

struct peer_key peer_key_of(const struct sockaddr *addr);
/* The whole address. */
struct network_address peer_address_of(const struct sockaddr *addr);

/* Count a new connection of peer->key. Beyond a limit an eighth more (at least 8) is let in to be
 * told 503. */
MUST_USE enum peers_verdict peers_add(struct peers *p, const struct peers_limits *limits,
                                      struct peer *peer, uint64_t now_ms);
/* A right password came over it. */
void peers_prove(struct peers *p, struct peer *peer, uint64_t now_ms);
/* It ends. Fine where it is not counted. */
void peers_remove(struct peers *p, struct peer *peer, uint64_t now_ms);
struct peers_numbers peers_numbers(struct peers *p);
size_t peers_total(struct peers *p);

#endif
