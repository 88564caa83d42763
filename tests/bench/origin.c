/* A fast stand-in for a phone, for benches only: one thread, epoll, OpenSSL. It answers GET
 * /bytes/N with N bytes of the pattern, over TLS or plain, open or behind Digest (qop=auth, every
 * response and nc verified), and GET /counters with what it has seen. See the README.md here. */
#include "tests/bench/origin_digest.h"
#include "tests/bench/util.h"
#include "tests/bench/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    LISTENERS_MAX = 8,
    REQUEST_MAX = 8192,
    OUT_SIZE = 16384, /* one TLS record: head and small body leave in one write */
};

struct counters {
    uint64_t requests, unauthorized, wrong, stale, connections, full, resumed;
};

/* What epoll hands back; the first member of listener and conn. */
enum source { SOURCE_LISTENER, SOURCE_CONN };

struct listener {
    enum source source;
    int fd;
    bool tls, digest;
};

struct origin {
    int epoll;
    SSL_CTX *tls;
    struct digest_server phone;
    unsigned char *pattern;
    struct counters counters;
    char cipher[80];
};

enum conn_state { CONN_HANDSHAKE, CONN_READ, CONN_DRAIN, CONN_WRITE, CONN_DONE };

struct conn {
    enum source source;
    enum conn_state state;
    bool digest, close_after;
    uint32_t events; /* what epoll watches for */
    struct wire wire;
    uint64_t discard, discarded; /* bytes of a request's body still to come, and seen */
    uint64_t body_left, body_at; /* of the answer, beyond what is in out */
    size_t in_len, out_len, out_sent;
    char in[REQUEST_MAX];
    char out[OUT_SIZE];
};

struct request {
    struct digest_request line;
    uint64_t body;
    bool close;
};

struct answer {
    const char *status, *headers;
    struct slice text; /* when not empty, the body; otherwise bytes of the pattern */
    uint64_t bytes;
};

/* ---- Answers ---- */

static void answer_write(struct conn *conn, const struct request *request,
                         const struct answer *answer) {
    uint64_t length = answer->text.len > 0 ? answer->text.len : answer->bytes;
    int head = snprintf(conn->out, sizeof conn->out,
                        "HTTP/1.1 %s\r\nServer: bench-phone\r\nContent-Type: text/html\r\n%s"
                        "Content-Length: %llu\r\nConnection: %s\r\n\r\n",
                        answer->status, answer->headers, (unsigned long long)length,
                        request->close ? "close" : "keep-alive");
    if (head < 0 || (size_t)head + answer->text.len > sizeof conn->out) util_die("answer too long");
    memcpy(conn->out + head, answer->text.ptr, answer->text.len);
    conn->out_len = (size_t)head + answer->text.len;
    conn->out_sent = 0;
    conn->body_at = 0;
    conn->body_left = slice_is(request->line.method, "HEAD") ? 0 : answer->bytes;
    conn->close_after = request->close;
    conn->state = CONN_WRITE;
}

static void answer_unauthorized(struct origin *origin, struct conn *conn,
                                const struct request *request, bool stale) {
    char header[512];
    digest_server_challenge(&origin->phone, stale, header, sizeof header);
    origin->counters.unauthorized++;
    answer_write(
        conn, request,
        &(struct answer){.status = "401 Unauthorized", .headers = header, .text = {"no\n", 3}});
}

static void answer_counters(struct origin *origin, struct conn *conn,
                            const struct request *request) {
    const struct counters *seen = &origin->counters;
    char text[512];
    int len =
        snprintf(text, sizeof text,
                 "{\"requests\": %llu, \"unauthorized\": %llu, \"wrong\": %llu, \"stale\": %llu, "
                 "\"connections\": %llu, \"full\": %llu, \"resumed\": %llu, \"cipher\": \"%s\"}\n",
                 (unsigned long long)seen->requests, (unsigned long long)seen->unauthorized,
                 (unsigned long long)seen->wrong, (unsigned long long)seen->stale,
                 (unsigned long long)seen->connections, (unsigned long long)seen->full,
                 (unsigned long long)seen->resumed, origin->cipher);
    answer_write(conn, request,
                 &(struct answer){.status = "200 OK", .headers = "", .text = {text, (size_t)len}});
}

/* The number in "/bytes/N"; false for any other target. */
static bool target_bytes(struct slice target, uint64_t *bytes) {
    if (target.len < 8 || target.len > 8 + 12 || memcmp(target.ptr, "/bytes/", 7) != 0)
        return false;
    *bytes = 0;
    for (size_t i = 7; i < target.len; i++) {
        if (target.ptr[i] < '0' || target.ptr[i] > '9') return false;
        *bytes = *bytes * 10 + (uint64_t)(target.ptr[i] - '0');
    }
    return true;
}

static void answer_request(struct origin *origin, struct conn *conn,
                           const struct request *request) {
    if (slice_is(request->line.target, "/counters")) {
        answer_counters(origin, conn, request);
        return;
    }
    origin->counters.requests++;
    if (conn->digest) {
        enum digest_verdict verdict = digest_server_check(&origin->phone, &request->line);
        if (verdict == DIGEST_STALE) origin->counters.stale++;
        if (verdict == DIGEST_WRONG && request->line.authorization.len > 0)
            origin->counters.wrong++;
        if (verdict != DIGEST_RIGHT) {
            answer_unauthorized(origin, conn, request, verdict == DIGEST_STALE);
            return;
        }
    }
    uint64_t bytes = 0;
    if (target_bytes(request->line.target, &bytes))
        answer_write(
            conn, request,
            &(struct answer){.status = "200 OK", .headers = "", .text = {"", 0}, .bytes = bytes});
    else
        answer_write(
            conn, request,
            &(struct answer){.status = "404 Not Found", .headers = "", .text = {"none\n", 5}});
}

/* ---- Requests ---- */

static bool request_line(struct slice *head, struct request *request) {
    const char *end = memmem(head->ptr, head->len, "\r\n", 2);
    if (end == NULL) return false;
    const char *space = memchr(head->ptr, ' ', (size_t)(end - head->ptr));
    if (space == NULL) return false;
    const char *second = memchr(space + 1, ' ', (size_t)(end - space - 1));
    if (second == NULL) return false;
    request->line.method = (struct slice){head->ptr, (size_t)(space - head->ptr)};
    request->line.target = (struct slice){space + 1, (size_t)(second - space - 1)};
    request->close = slice_is((struct slice){second + 1, (size_t)(end - second - 1)}, "HTTP/1.0");
    head->len -= (size_t)(end - head->ptr) + 2;
    head->ptr = end + 2;
    return true;
}

static bool request_parse(struct slice head, struct request *request) {
    *request = (struct request){0};
    if (!request_line(&head, request)) return false;
    struct slice name, value;
    while (http_next_header(&head, &name, &value)) {
        if (slice_is_nocase(name, "authorization")) request->line.authorization = value;
        if (slice_is_nocase(name, "connection")) request->close = slice_is_nocase(value, "close");
        if (slice_is_nocase(name, "content-length"))
            for (size_t i = 0; i < value.len && i < 18; i++)
                request->body = request->body * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    return true;
}

/* Answer the request at the start of the buffer, if its head is complete. True when there is
 * something to write. */
static bool conn_take_request(struct origin *origin, struct conn *conn) {
    const char *end = memmem(conn->in, conn->in_len, "\r\n\r\n", 4);
    if (end == NULL) return false;
    size_t len = (size_t)(end - conn->in) + 4;
    struct request request;
    if (!request_parse((struct slice){conn->in, len}, &request)) {
        conn->state = CONN_DONE;
        return true;
    }
    answer_request(origin, conn, &request);
    conn->discard = request.body;
    conn->discarded = 0;
    if (request.body > 0) conn->state = CONN_DRAIN;
    memmove(conn->in, conn->in + len, conn->in_len - len);
    conn->in_len -= len;
    return true;
}

/* ---- Connections ---- */

static void conn_handshake_done(struct origin *origin, struct conn *conn) {
    conn->state = CONN_READ;
    if (conn->wire.ssl == NULL) return;
    if (SSL_session_reused(conn->wire.ssl) != 0)
        origin->counters.resumed++;
    else
        origin->counters.full++;
    snprintf(origin->cipher, sizeof origin->cipher, "%s %s", SSL_get_version(conn->wire.ssl),
             SSL_get_cipher_name(conn->wire.ssl));
}

static enum wire_result conn_read(struct origin *origin, struct conn *conn) {
    if (conn->in_len > 0 && conn_take_request(origin, conn)) return WIRE_OK;
    if (conn->in_len == sizeof conn->in) return WIRE_FAILED;
    size_t done = 0;
    enum wire_result result =
        wire_read(&conn->wire, conn->in + conn->in_len, sizeof conn->in - conn->in_len, &done);
    if (result == WIRE_OK) conn->in_len += done;
    return result;
}

/* The body of a request has the pattern, too: the answer waits until all of it was seen. */
static enum wire_result conn_drain(struct origin *origin, struct conn *conn) {
    if (conn->in_len == 0) {
        enum wire_result result = wire_read(&conn->wire, conn->in, sizeof conn->in, &conn->in_len);
        if (result != WIRE_OK) return result;
    }
    size_t drop = conn->discard < conn->in_len ? (size_t)conn->discard : conn->in_len;
    const unsigned char *expected = origin->pattern + (size_t)(conn->discarded % PATTERN_PERIOD);
    if (memcmp(conn->in, expected, drop) != 0) origin->counters.wrong++;
    memmove(conn->in, conn->in + drop, conn->in_len - drop);
    conn->in_len -= drop;
    conn->discard -= drop;
    conn->discarded += drop;
    if (conn->discard == 0) conn->state = CONN_WRITE;
    return WIRE_OK;
}

/* Fill out with the next bytes of the body, behind what is there. */
static void conn_fill(const struct origin *origin, struct conn *conn) {
    size_t room = sizeof conn->out - conn->out_len;
    if (room > conn->body_left) room = (size_t)conn->body_left;
    memcpy(conn->out + conn->out_len, origin->pattern + conn->body_at % PATTERN_PERIOD, room);
    conn->out_len += room;
    conn->body_at += room;
    conn->body_left -= room;
}

static enum wire_result conn_write(const struct origin *origin, struct conn *conn) {
    if (conn->out_sent == conn->out_len && conn->body_left > 0) conn->out_len = conn->out_sent = 0;
    if (conn->out_sent == 0) conn_fill(origin, conn);
    size_t done = 0;
    enum wire_result result =
        wire_write(&conn->wire, conn->out + conn->out_sent, conn->out_len - conn->out_sent, &done);
    if (result != WIRE_OK) return result;
    conn->out_sent += done;
    if (conn->out_sent < conn->out_len || conn->body_left > 0) return WIRE_OK;
    if (conn->close_after) return WIRE_CLOSED;
    conn->state = CONN_READ;
    /* Most peers send the next request only now: ask epoll instead of paying for a read that finds
     * nothing. */
    bool more =
        conn->in_len > 0 || (conn->wire.ssl != NULL && SSL_has_pending(conn->wire.ssl) != 0);
    return more ? WIRE_OK : WIRE_WANT_READ;
}

static enum wire_result conn_step(struct origin *origin, struct conn *conn) {
    enum wire_result result = WIRE_CLOSED;
    switch (conn->state) {
    case CONN_HANDSHAKE:
        result = wire_handshake(&conn->wire);
        if (result == WIRE_OK) conn_handshake_done(origin, conn);
        return result;
    case CONN_READ:
        return conn_read(origin, conn);
    case CONN_DRAIN:
        return conn_drain(origin, conn);
    case CONN_WRITE:
        return conn_write(origin, conn);
    case CONN_DONE:
        return WIRE_CLOSED;
    }
    return result;
}

static void conn_run(struct origin *origin, struct conn *conn) {
    enum wire_result result = WIRE_OK;
    while (result == WIRE_OK) result = conn_step(origin, conn);
    if (result == WIRE_CLOSED || result == WIRE_FAILED) {
        wire_close(&conn->wire);
        free(conn);
        return;
    }
    uint32_t events = result == WIRE_WANT_READ ? EPOLLIN : EPOLLOUT;
    if (events == conn->events) return;
    conn->events = events;
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (epoll_ctl(origin->epoll, EPOLL_CTL_MOD, conn->wire.fd, &event) != 0)
        util_die("epoll_ctl failed");
}

static void conn_accept(struct origin *origin, const struct listener *listener) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct conn *conn = malloc(sizeof *conn);
    if (conn == NULL) util_die("out of memory");
    conn->source = SOURCE_CONN;
    conn->state = CONN_HANDSHAKE;
    conn->digest = listener->digest;
    conn->close_after = false;
    conn->events = EPOLLIN;
    conn->wire = (struct wire){.fd = fd};
    conn->discard = conn->discarded = conn->body_left = conn->body_at = 0;
    conn->in_len = conn->out_len = conn->out_sent = 0;
    if (listener->tls) {
        conn->wire.ssl = SSL_new(origin->tls);
        if (conn->wire.ssl == NULL || SSL_set_fd(conn->wire.ssl, fd) != 1) util_die("no TLS");
        SSL_set_accept_state(conn->wire.ssl);
    }
    origin->counters.connections++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (epoll_ctl(origin->epoll, EPOLL_CTL_ADD, fd, &event) != 0) util_die("epoll_ctl failed");
}

/* ---- Start ---- */

static void listener_open(struct origin *origin, struct listener *listener, const char *text) {
    char *end = NULL;
    unsigned long port = strtoul(text, &end, 10);
    listener->source = SOURCE_LISTENER;
    listener->tls = strstr(end, ":tls") != NULL;
    listener->digest = strstr(end, ":digest") != NULL;
    listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener->fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener->fd, 1024) != 0)
        util_die("cannot listen on port %lu: %s", port, strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
    if (epoll_ctl(origin->epoll, EPOLL_CTL_ADD, listener->fd, &event) != 0)
        util_die("epoll_ctl failed");
}

static SSL_CTX *tls_context(const char *certificate, const char *key) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        util_die("cannot use %s and %s", certificate, key);
    SSL_CTX_set_read_ahead(tls, 1); /* head and body of a TLS record in one read */
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_id_context(tls, (const unsigned char *)"bench", 5);
    return tls;
}

static _Noreturn void serve(struct origin *origin) {
    for (;;) {
        struct epoll_event events[128];
        int count = epoll_wait(origin->epoll, events, 128, -1);
        for (int i = 0; i < count; i++) {
            if (*(enum source *)events[i].data.ptr == SOURCE_LISTENER)
                conn_accept(origin, events[i].data.ptr);
            else
                conn_run(origin, events[i].data.ptr);
        }
    }
}

struct options {
    const char *listen[LISTENERS_MAX];
    size_t listeners;
    const char *certificate, *key, *user, *password, *realm, *algorithm;
    int core;
};

static void options_read(struct options *options, int argc, char **argv) {
    static const struct option names[] = {
        {"listen", 1, NULL, 'l'}, {"cert", 1, NULL, 'c'},      {"key", 1, NULL, 'k'},
        {"user", 1, NULL, 'u'},   {"password", 1, NULL, 'p'},  {"realm", 1, NULL, 'r'},
        {"core", 1, NULL, 'C'},   {"algorithm", 1, NULL, 'a'}, {0}};
    int option = 0;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'l' && options->listeners < LISTENERS_MAX)
            options->listen[options->listeners++] = optarg;
        if (option == 'c') options->certificate = optarg;
        if (option == 'k') options->key = optarg;
        if (option == 'u') options->user = optarg;
        if (option == 'p') options->password = optarg;
        if (option == 'r') options->realm = optarg;
        if (option == 'a') options->algorithm = optarg;
        if (option == 'C') options->core = (int)util_number(optarg, 1023);
        if (option == '?') exit(2);
    }
    if (options->listeners == 0 || options->certificate == NULL || options->key == NULL)
        util_die("usage: origin --listen PORT:tls|plain:digest|open ... --cert FILE --key FILE "
                 "[--user U --password P --realm R --algorithm MD5|SHA-256 --core N]");
}

int main(int argc, char **argv) {
    struct options options = {
        .user = "phone", .password = "phone", .realm = "phone", .algorithm = "MD5", .core = -1};
    options_read(&options, argc, argv);
    util_pin(options.core);
    signal(SIGPIPE, SIG_IGN);
    struct origin *origin = calloc(1, sizeof *origin);
    struct listener listeners[LISTENERS_MAX];
    if (origin == NULL) util_die("out of memory");
    digest_server_init(&origin->phone, options.user, options.realm, options.password,
                       options.algorithm);
    origin->pattern = util_pattern();
    origin->tls = tls_context(options.certificate, options.key);
    origin->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < options.listeners; i++)
        listener_open(origin, &listeners[i], options.listen[i]);
    puts("ready");
    fflush(stdout);
    serve(origin);
}
