/* Any octets as a PROXY header: it ends inside them, means the same whatever follows, is incomplete
 * at every shorter length, and what is bad stays bad. */
#include <sys/socket.h>

#include <string.h>

#include "proxy/client/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
    enum proxy_protocol verdict;
    size_t used;
    struct sockaddr_storage addr;
};

static struct reading read_header(struct str text) {
    struct reading r = {0};
    r.verdict = proxy_protocol_read(text, &r.used, &r.addr);
    return r;
}

static void check_header(struct str text, const struct reading *whole) {
    ENSURE(whole->used > 0 && whole->used <= text.len && whole->used <= PROXY_PROTOCOL_MAX);
    for (size_t len = 0; len < whole->used; len++)
        ENSURE(read_header(str_part(text, 0, len)).verdict == PROXY_PROTOCOL_MORE);
    struct reading exact = read_header(str_part(text, 0, whole->used));
    ENSURE(exact.verdict == whole->verdict && exact.used == whole->used);
    ENSURE(memcmp(&exact.addr, &whole->addr, sizeof(exact.addr)) == 0);
    bool has_address = whole->addr.ss_family == AF_INET || whole->addr.ss_family == AF_INET6;
    ENSURE(has_address == (whole->verdict == PROXY_PROTOCOL_ADDR));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = {(const char *)data, size < 4096 ? size : 4096};
    struct reading whole = read_header(text);
    if (whole.verdict == PROXY_PROTOCOL_ADDR || whole.verdict == PROXY_PROTOCOL_LOCAL) {
        check_header(text, &whole);
        return 0;
    }
    ENSURE(whole.verdict == PROXY_PROTOCOL_BAD || text.len < PROXY_PROTOCOL_MAX);
    bool was_bad = false;
    for (size_t len = 0; len <= text.len; len++) {
        enum proxy_protocol verdict = read_header(str_part(text, 0, len)).verdict;
        ENSURE(verdict == PROXY_PROTOCOL_MORE || verdict == PROXY_PROTOCOL_BAD);
        ENSURE(!was_bad || verdict == PROXY_PROTOCOL_BAD);
        was_bad = verdict == PROXY_PROTOCOL_BAD;
    }
    return 0;
}
