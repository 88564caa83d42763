#include "proxy/client/proxy_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* "PROXY TCP6 " with two full IPv6 addresses, two ports and CRLF. */
#define V1_MAX  107
#define V2_HEAD 16

static const char v2_signature[12] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                      '\n', 'Q',  'U',  'I',  'T',  '\n'};

static void set_v4(struct sockaddr_storage *addr, const void *ip, uint16_t port_be) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port_be};
    memcpy(&v4.sin_addr, ip, 4);
    memcpy(addr, &v4, sizeof(v4));
}

static void set_v6(struct sockaddr_storage *addr, const void *ip, uint16_t port_be) {
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port_be};
    memcpy(&v6.sin6_addr, ip, 16);
    memcpy(addr, &v6, sizeof(v6));
}

static enum proxy_protocol read_v2(struct str text, size_t *used, struct sockaddr_storage *addr) {
    if (text.len < V2_HEAD) return PROXY_PROTOCOL_MORE;
    const uint8_t *octets = (const uint8_t *)text.ptr;
    size_t len = (size_t)octets[14] << 8 | octets[15];
    if (V2_HEAD + len > PROXY_PROTOCOL_MAX || octets[12] >> 4 != 2) return PROXY_PROTOCOL_BAD;
    if (text.len < V2_HEAD + len) return PROXY_PROTOCOL_MORE;
    *used = V2_HEAD + len;
    if ((octets[12] & 15) == 0) return PROXY_PROTOCOL_LOCAL;
    if ((octets[12] & 15) != 1) return PROXY_PROTOCOL_BAD;
    const uint8_t *body = octets + V2_HEAD;
    uint16_t port;
    if (octets[13] == 0x11 && len >= 12) {
        memcpy(&port, body + 8, 2);
        set_v4(addr, body, port);
    } else if (octets[13] == 0x21 && len >= 36) {
        memcpy(&port, body + 32, 2);
        set_v6(addr, body, port);
    } else {
        return octets[13] == 0 ? PROXY_PROTOCOL_LOCAL : PROXY_PROTOCOL_BAD;
    }
    return PROXY_PROTOCOL_ADDR;
}

static bool take_word(struct str *line, struct str *word) {
    return str_split(line, ' ', word) && word->len > 0;
}

static bool to_text(struct str s, char out[64]) {
    if (s.len >= 64 || memchr(s.ptr, '\0', s.len) != NULL) return false;
    memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
    return true;
}

static bool parse_address(bool six, struct str ip, struct str port, struct sockaddr_storage *addr) {
    char text[64];
    uint8_t octets[16];
    uint64_t number;
    if (!to_text(ip, text) || inet_pton(six ? AF_INET6 : AF_INET, text, octets) != 1) return false;
    if (!str_to_u64(port, 65535, &number)) return false;
    if (six)
        set_v6(addr, octets, htons((uint16_t)number));
    else
        set_v4(addr, octets, htons((uint16_t)number));
    return true;
}

static enum proxy_protocol read_v1(struct str text, size_t *used, struct sockaddr_storage *addr) {
    size_t end = str_find(text, '\n', 0);
    if (end == text.len) return text.len >= V1_MAX ? PROXY_PROTOCOL_BAD : PROXY_PROTOCOL_MORE;
    if (end + 1 > V1_MAX || end == 0 || text.ptr[end - 1] != '\r') return PROXY_PROTOCOL_BAD;
    *used = end + 1;
    struct str line = str_part(text, STR("PROXY ").len, end - 1 - STR("PROXY ").len);
    struct str family;
    struct str words[4];
    struct sockaddr_storage ignored;
    if (!take_word(&line, &family)) return PROXY_PROTOCOL_BAD;
    if (str_equal(family, STR("UNKNOWN"))) return PROXY_PROTOCOL_LOCAL;
    bool six = str_equal(family, STR("TCP6"));
    if (!six && !str_equal(family, STR("TCP4"))) return PROXY_PROTOCOL_BAD;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!take_word(&line, &words[i])) return PROXY_PROTOCOL_BAD;
    }
    bool whole = line.ptr == NULL && parse_address(six, words[1], words[3], &ignored) &&
                 parse_address(six, words[0], words[2], addr);
    return whole ? PROXY_PROTOCOL_ADDR : PROXY_PROTOCOL_BAD;
}

enum proxy_protocol proxy_protocol_read(struct str text, size_t *used,
                                        struct sockaddr_storage *addr) {
    struct str v2 = {v2_signature, sizeof(v2_signature)};
    size_t shared = text.len < v2.len ? text.len : v2.len;
    if (str_equal(str_part(text, 0, shared), str_part(v2, 0, shared)))
        return text.len < v2.len ? PROXY_PROTOCOL_MORE : read_v2(text, used, addr);
    shared = text.len < STR("PROXY ").len ? text.len : STR("PROXY ").len;
    if (!str_equal(str_part(text, 0, shared), str_part(STR("PROXY "), 0, shared)))
        return PROXY_PROTOCOL_BAD;
    return text.len < STR("PROXY ").len ? PROXY_PROTOCOL_MORE : read_v1(text, used, addr);
}
