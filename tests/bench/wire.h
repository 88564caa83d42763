#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H
/* One non-blocking connection, over TLS or plain, behind the same five calls. */
#include <openssl/ssl.h>
#include <stddef.h>

struct wire {
    int fd;
    SSL *ssl; /* NULL: plain */
};

enum wire_result { WIRE_OK, WIRE_WANT_READ, WIRE_WANT_WRITE, WIRE_CLOSED, WIRE_FAILED };

enum wire_result wire_handshake(struct wire *wire);
enum wire_result wire_read(struct wire *wire, void *buf, size_t size, size_t *done);
enum wire_result wire_write(struct wire *wire, const void *buf, size_t size, size_t *done);

/* Say goodbye where TLS wants it, then close and free. Safe on a wire that is closed already. */
void wire_close(struct wire *wire);

#endif
