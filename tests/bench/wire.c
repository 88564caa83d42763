#include "tests/bench/wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

static enum wire_result tls_result(SSL *ssl, int code) {
    switch (SSL_get_error(ssl, code)) {
    case SSL_ERROR_WANT_READ:
        return WIRE_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return WIRE_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return WIRE_CLOSED;
    default:
        ERR_clear_error();
        return WIRE_FAILED;
    }
}

enum wire_result wire_handshake(struct wire *wire) {
    if (wire->ssl == NULL) return WIRE_OK;
    int code = SSL_do_handshake(wire->ssl);
    return code == 1 ? WIRE_OK : tls_result(wire->ssl, code);
}

enum wire_result wire_read(struct wire *wire, void *buf, size_t size, size_t *done) {
    if (wire->ssl != NULL) {
        int code = SSL_read_ex(wire->ssl, buf, size, done);
        return code == 1 ? WIRE_OK : tls_result(wire->ssl, code);
    }
    ssize_t count = recv(wire->fd, buf, size, 0);
    if (count > 0) {
        *done = (size_t)count;
        return WIRE_OK;
    }
    if (count == 0) return WIRE_CLOSED;
    return errno == EAGAIN || errno == EINTR ? WIRE_WANT_READ : WIRE_FAILED;
}

enum wire_result wire_write(struct wire *wire, const void *buf, size_t size, size_t *done) {
    if (wire->ssl != NULL) {
        int code = SSL_write_ex(wire->ssl, buf, size, done);
        return code == 1 ? WIRE_OK : tls_result(wire->ssl, code);
    }
    ssize_t count = send(wire->fd, buf, size, MSG_NOSIGNAL);
    if (count >= 0) {
        *done = (size_t)count;
        return WIRE_OK;
    }
    return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? WIRE_WANT_WRITE : WIRE_FAILED;
}

void wire_close(struct wire *wire) {
    if (wire->ssl != NULL) {
        /* close_notify: without it OpenSSL calls the session bad and would not resume it. */
        if (SSL_is_init_finished(wire->ssl) != 0) SSL_shutdown(wire->ssl);
        ERR_clear_error();
        SSL_free(wire->ssl);
    }
    if (wire->fd >= 0) close(wire->fd);
    *wire = (struct wire){.fd = -1};
}
