/* The load generator of the bench: one thread, epoll, OpenSSL. When all connections have had a
 * first right answer it prints "ready" and waits for a line on standard input, so that who measures
 * the proxy can look at its CPU time exactly before and after. At the end it prints one line of
 * JSON and waits again before it closes the connections. */
#include "tests/bench/load_conn.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum {
    CONNECTIONS_MAX = 4096,
    SETUP_AT_ONCE = 32,
    STALL_S = 20, /* no answer at all for so long: give up */
};

struct options {
    const char *connect, *host, *path, *auth, *user, *password, *mode;
    uint64_t connections, requests, milliseconds, bytes, upload;
    bool plain;
    int core;
};

static void usage(void) {
    util_die("usage: load --connect IPv4:PORT --host NAME --path TARGET --bytes N\n"
             "  [--connections 64] [--ms 3000] [--requests N] [--plain] [--core N]\n"
             "  [--upload N: POST so many octets with each request]\n"
             "  [--auth none|sha256|md5 --user U --password P] [--mode keepalive|full|resume]");
}

static void option_take(struct options *options, int option, const char *value) {
    switch (option) {
    case 'c':
        options->connect = value;
        return;
    case 'h':
        options->host = value;
        return;
    case 'p':
        options->path = value;
        return;
    case 'a':
        options->auth = value;
        return;
    case 'u':
        options->user = value;
        return;
    case 'w':
        options->password = value;
        return;
    case 'm':
        options->mode = value;
        return;
    case 'n':
        options->connections = util_number(value, CONNECTIONS_MAX);
        return;
    case 'r':
        options->requests = util_number(value, UINT64_MAX);
        return;
    case 't':
        options->milliseconds = util_number(value, 600000);
        return;
    case 'b':
        options->bytes = util_number(value, UINT32_MAX);
        return;
    case 'U':
        options->upload = util_number(value, UINT32_MAX);
        return;
    case 'P':
        options->plain = true;
        return;
    case 'C':
        options->core = (int)util_number(value, 1023);
        return;
    default:
        usage();
    }
}

static void options_read(struct options *options, int argc, char **argv) {
    static const struct option names[] = {
        {"connect", 1, NULL, 'c'}, {"host", 1, NULL, 'h'},        {"path", 1, NULL, 'p'},
        {"auth", 1, NULL, 'a'},    {"user", 1, NULL, 'u'},        {"password", 1, NULL, 'w'},
        {"mode", 1, NULL, 'm'},    {"connections", 1, NULL, 'n'}, {"requests", 1, NULL, 'r'},
        {"ms", 1, NULL, 't'},      {"bytes", 1, NULL, 'b'},       {"plain", 0, NULL, 'P'},
        {"core", 1, NULL, 'C'},    {"upload", 1, NULL, 'U'},      {0}};
    int option = 0;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        option_take(options, option, optarg);
    if (options->connect == NULL || options->host == NULL || options->path == NULL ||
        options->connections == 0)
        usage();
}

static void load_account(struct load *load, const struct options *options) {
    load->account = (struct account){.user = options->user,
                                     .password = options->password,
                                     .method = options->upload > 0 ? "POST" : "GET",
                                     .upload = options->upload,
                                     .target = options->path,
                                     .host = options->host};
    if (strcmp(options->auth, "none") == 0) return;
    bool sha256 = strcmp(options->auth, "sha256") == 0;
    if (!sha256 && strcmp(options->auth, "md5") != 0) usage();
    load->account.algorithm = sha256 ? "SHA-256" : "MD5";
    hasher_init(&load->account.hasher, sha256 ? "SHA256" : "MD5");
}

static void load_address(struct load *load, const char *text) {
    char ip[INET_ADDRSTRLEN] = "";
    const char *colon = strchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof ip) usage();
    memcpy(ip, text, (size_t)(colon - text));
    load->address.sin_family = AF_INET;
    load->address.sin_port = htons((uint16_t)util_number(colon + 1, 65535));
    if (inet_pton(AF_INET, ip, &load->address.sin_addr) != 1) usage();
}

static void load_tls(struct load *load) {
    load->tls = SSL_CTX_new(TLS_client_method());
    if (load->tls == NULL) util_die("no TLS");
    /* The order of browsers. */
    if (SSL_CTX_set_ciphersuites(load->tls, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
                                            "TLS_AES_256_GCM_SHA384") != 1)
        util_die("no cipher suites");
    SSL_CTX_set_read_ahead(load->tls, 1); /* head and body of a TLS record in one read */
    SSL_CTX_set_mode(load->tls, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_options(load->tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (load->mode != MODE_RESUME) return;
    SSL_CTX_set_session_cache_mode(load->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(load->tls, conn_on_session);
}

static void load_init(struct load *load, const struct options *options) {
    *load = (struct load){.host = options->host,
                          .plain = options->plain,
                          .body_bytes = options->bytes,
                          .connections = options->connections,
                          .requests_max = options->requests};
    if (strcmp(options->mode, "full") == 0)
        load->mode = MODE_FULL;
    else if (strcmp(options->mode, "resume") == 0)
        load->mode = MODE_RESUME;
    else if (strcmp(options->mode, "keepalive") != 0)
        usage();
    load_account(load, options);
    load_address(load, options->connect);
    load_tls(load);
    load->pattern = util_pattern();
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll < 0) util_die("no epoll");
}

/* Serve events until the phase has nothing left to wait for. */
static void load_loop(struct load *load) {
    int quiet_s = 0;
    load->last_answer_ns = util_now_ns();
    while (load->busy > 0) {
        struct epoll_event events[128];
        int count = epoll_wait(load->epoll, events, 128, 1000);
        for (int i = 0; i < count; i++) conn_run(events[i].data.ptr);
        quiet_s = count == 0 ? quiet_s + 1 : 0;
        if (quiet_s >= STALL_S)
            util_die("nothing for %d s, %zu requests in flight", STALL_S, load->busy);
    }
}

static void wait_for_line(void) {
    int byte = 0;
    while ((byte = getchar()) != '\n' && byte != EOF) {
    }
}

static double cpu_seconds(void) {
    struct rusage usage_now;
    getrusage(RUSAGE_SELF, &usage_now);
    return (double)(usage_now.ru_utime.tv_sec + usage_now.ru_stime.tv_sec) +
           (double)(usage_now.ru_utime.tv_usec + usage_now.ru_stime.tv_usec) / 1e6;
}

static void load_print(const struct load *load, double seconds, double cpu) {
    const struct stats *seen = &load->stats;
    printf("{\"answers\": %llu, \"seconds\": %.4f, \"per_second\": %.1f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"max_us\": %.1f, \"body_bytes\": %llu, ",
           (unsigned long long)seen->answers, seconds, (double)seen->answers / seconds,
           stats_percentile_us(seen, 0.5), stats_percentile_us(seen, 0.99),
           (double)seen->max_ns / 1e3, (unsigned long long)seen->body_bytes);
    printf("\"errors\": %llu, \"first_error\": \"%s\", \"stale\": %llu, \"reconnects\": %llu, "
           "\"full\": %llu, \"resumed\": %llu, \"cipher\": \"%s\", \"load_cpu_s\": %.3f}\n",
           (unsigned long long)seen->errors, seen->first_error, (unsigned long long)seen->stale,
           (unsigned long long)seen->reconnects, (unsigned long long)seen->full,
           (unsigned long long)seen->resumed, load->cipher, cpu);
    fflush(stdout);
}

static struct conn *connections_new(struct load *load) {
    struct conn *conns = calloc(load->connections, sizeof *conns);
    if (conns == NULL) util_die("out of memory");
    for (size_t i = 0; i < load->connections; i++) {
        conns[i].load = load;
        conns[i].wire.fd = -1;
        ticket_init(&conns[i].ticket, &load->account);
    }
    return conns;
}

static void start_all(struct load *load, struct conn *conns) {
    for (size_t i = 0; i < load->connections; i++) {
        conn_start(&conns[i]);
        conn_run(&conns[i]);
        /* Who comes first comes in an orderly way: nobody's queue is what is looked at. */
        if (load->phase == PHASE_SETUP && i % SETUP_AT_ONCE == SETUP_AT_ONCE - 1) load_loop(load);
    }
    load_loop(load);
}

static void measure(struct load *load, struct conn *conns, uint64_t milliseconds) {
    start_all(load, conns);
    puts("ready");
    fflush(stdout);
    wait_for_line();
    double cpu = cpu_seconds();
    uint64_t start = util_now_ns();
    load->end_ns = start + milliseconds * 1000000U;
    load->stats = (struct stats){.started = 0};
    load->phase = PHASE_RUN;
    start_all(load, conns);
    uint64_t end = load->last_answer_ns;
    load_print(load, (double)(end - start) / 1e9, cpu_seconds() - cpu);
    wait_for_line();
}

int main(int argc, char **argv) {
    struct options options = {.auth = "none",
                              .user = "bench",
                              .password = "bench",
                              .mode = "keepalive",
                              .connections = 64,
                              .requests = UINT64_MAX,
                              .milliseconds = 3000,
                              .core = -1};
    options_read(&options, argc, argv);
    util_pin(options.core);
    signal(SIGPIPE, SIG_IGN);
    struct load load;
    load_init(&load, &options);
    struct conn *conns = connections_new(&load);
    measure(&load, conns, options.milliseconds);
    for (size_t i = 0; i < load.connections; i++) {
        wire_close(&conns[i].wire);
        SSL_SESSION_free(conns[i].session);
    }
    free(conns);
    free(load.pattern);
    SSL_CTX_free(load.tls);
    if (load.account.algorithm != NULL) hasher_deinit(&load.account.hasher);
    return load.stats.errors == 0 && load.stats.answers > 0 ? 0 : 1;
}
