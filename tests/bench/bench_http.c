/* What reading one request head costs: scanner, guard, llhttp's opinion. `make bench-http`.
 *
 * Prints nanoseconds per head, the best of several rounds, since other work on the machine only
 * adds.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "proxy/http/http_chunked.h"
#include "proxy/http/http_parse.h"

#define ROUNDS 15
#define HEADS  20000

static const struct http_limits limits = {16384, 100, 8192};

static const char browser[] =
    "GET /index.htm HTTP/1.1\r\n"
    "Host: 101.phones.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
    "Accept: text/html,*/*;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Authorization: Digest username=\"bob\", realm=\"phones.example.com\", "
    "nonce=\"AAAAAZ0bQwAAAAB7n3bBqvY1rVQ4\", uri=\"/index.htm\", algorithm=SHA-256, "
    "response=\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\", "
    "qop=auth, nc=00000001, cnonce=\"0a4f113b\"\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

enum part { PART_SCAN, PART_STRICT, PART_AGREE, PARTS };

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Take one head through the first parts; false where it is not accepted. */
static bool read_head(struct str text, enum part last) {
    static struct header headers[100];
    struct http_scan scan;
    struct http_refusal refusal;
    struct request_view view;
    size_t end = 0;
    http_scan_init(&scan);
    if (http_scan_request(&scan, text, &limits, &end, &refusal) != HTTP_HEAD_DONE) return false;
    if (last == PART_SCAN) return true;
    struct str head = str_part(text, 0, end);
    if (!http_strict_request(head, &limits, headers, &view, &refusal)) return false;
    return last == PART_STRICT || http_parse_agrees_request(head, &view);
}

static double best_ns(struct str text, enum part last) {
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now_ns();
        for (int i = 0; i < HEADS; i++) ENSURE(read_head(text, last));
        uint64_t took = now_ns() - start;
        if (took < best) best = took;
    }
    return (double)best / HEADS;
}

int main(void) {
    static const char *const names[PARTS] = {"scan", "guard", "llhttp"};
    struct str text = {browser, sizeof(browser) - 1};
    double before = 0;
    printf("head of %zu octets\n", text.len);
    for (unsigned part = 0; part < PARTS; part++) {
        double upto = best_ns(text, (enum part)part);
        printf("%-7s %6.0f ns\n", names[part], upto - before);
        before = upto;
    }
    printf("%-7s %6.0f ns\n", "all", before);
    return 0;
}
