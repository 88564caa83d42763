#include "proxy/cmd/pin_look.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certs/phone_tls.h"
#include "proxy/config/pins.h"

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Wait for `events` up to a point in time. */
static bool wait_for(int fd, short events, uint64_t deadline_ms) {
    for (;;) {
        uint64_t now = now_ms();
        struct pollfd pfd = {.fd = fd, .events = events};
        if (now >= deadline_ms) break;
        int got = poll(&pfd, 1, (int)(deadline_ms - now));
        if (got > 0) return true;
        if (got < 0 && errno != EINTR) return false;
    }
    errno = ETIMEDOUT;
    return false;
}

static int connect_to(const struct addrinfo *at, uint64_t timeout_ms) {
    int error = 0;
    socklen_t len = sizeof(error);
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    bool good = connect(fd, at->ai_addr, at->ai_addrlen) == 0;
    if (!good && errno == EINPROGRESS) {
        good = wait_for(fd, POLLOUT, now_ms() + timeout_ms) &&
               getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0;
        if (good && error != 0) errno = error;
        good = good && error == 0;
    }
    if (good) return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int dial(const struct config_phone *phone, uint64_t timeout_ms, char *error,
                size_t error_len) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof(port), "%u", phone->port);
    char *host = strndup(phone->host.ptr, phone->host.len);
    ENSURE(host != NULL);
    int rc = getaddrinfo(host, port, &hints, &found);
    free(host);
    if (rc != 0) {
        snprintf(error, error_len, STR_FMT ": %s", STR_ARG(phone->host), gai_strerror(rc));
        return -1;
    }
    int fd = connect_to(found, timeout_ms); /* the first one, as the gate does */
    if (fd < 0)
        snprintf(error, error_len, STR_FMT ": %s", STR_ARG(phone->authority), strerror(errno));
    freeaddrinfo(found);
    return fd;
}

static bool shake_hands(SSL *ssl, int fd, uint64_t timeout_ms) {
    const uint64_t deadline = now_ms() + timeout_ms;
    for (;;) {
        int rc = SSL_connect(ssl);
        if (rc == 1) return true;
        int want = SSL_get_error(ssl, rc);
        if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) return false;
        if (!wait_for(fd, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) return false;
    }
}

/* ---- what is in it ---- */

/* Names are the phone's own words: control characters are escaped. */
static void name_text(const X509_NAME *name, char text[PIN_LOOK_NAME_MAX]) {
    BIO *bio = BIO_new(BIO_s_mem());
    ENSURE(bio != NULL);
    text[0] = '\0';
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        int len = BIO_read(bio, text, PIN_LOOK_NAME_MAX - 1);
        text[len > 0 ? len : 0] = '\0';
    }
    BIO_free(bio);
}

static void time_text(const ASN1_TIME *at, char text[32]) {
    struct tm t;
    if (ASN1_TIME_to_tm(at, &t) == 1)
        pins_time((uint64_t)timegm(&t), text);
    else
        snprintf(text, 32, "?");
}

static void read_certificate(const SSL *ssl, X509 *leaf, struct pin_look *look) {
    name_text(X509_get_subject_name(leaf), look->subject);
    name_text(X509_get_issuer_name(leaf), look->issuer);
    time_text(X509_get0_notBefore(leaf), look->from);
    time_text(X509_get0_notAfter(leaf), look->to);
    look->over = X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0 ||
                 X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0;
    const EVP_PKEY *key = X509_get0_pubkey(leaf);
    const char *kind = key == NULL ? NULL : EVP_PKEY_get0_type_name(key);
    snprintf(look->key, sizeof(look->key), "%.20s, %d bits", kind == NULL ? "?" : kind,
             key == NULL ? 0 : EVP_PKEY_get_bits(key));
    snprintf(look->version, sizeof(look->version), "%s", SSL_get_version(ssl));
}

static bool look_over(SSL *ssl, int fd, uint64_t timeout_ms, struct pin_look *look) {
    if (SSL_set_fd(ssl, fd) != 1 || !shake_hands(ssl, fd, timeout_ms)) return false;
    X509 *leaf = SSL_get1_peer_certificate(ssl);
    bool good = leaf != NULL && phone_tls_seen_pin(ssl, look->pin);
    if (good) read_certificate(ssl, leaf, look);
    X509_free(leaf);
    (void)SSL_shutdown(ssl);
    return good;
}

bool pin_look(const struct config_phone *phone, uint64_t timeout_ms, struct pin_look *look,
              char *error, size_t error_len) {
    const struct phone_tls_settings settings = {.name = phone->host, .verify_none = true};
    memset(look, 0, sizeof(*look));
    int fd = dial(phone, timeout_ms, error, error_len);
    if (fd < 0) return false;
    struct phone_tls *tls = phone_tls_new(&settings, error, error_len);
    SSL *ssl = tls == NULL ? NULL : phone_tls_connect(tls, phone->host);
    bool good = ssl != NULL && look_over(ssl, fd, timeout_ms, look);
    if (!good)
        snprintf(error, error_len, STR_FMT ": no TLS 1.2 or 1.3 comes about there",
                 STR_ARG(phone->authority));
    SSL_free(ssl);
    phone_tls_free(tls);
    close(fd);
    return good;
}
