/* PROXY protocol, versions 1 and 2: the examples of its specification, each cut at every octet, and
 * what is no such header. */
#include "proxy/client/proxy_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_BODY   "\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x20\xfb" /* 192.0.2.7:56324 to us */
#define V6_ADDR   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define V6_BODY   V6_ADDR V6_ADDR "\xdc\x04\x20\xfb"
#define TEXT(lit)                                                                                  \
    { (lit), sizeof(lit) - 1 }

struct row {
    struct str text;
    enum proxy_protocol verdict;
    const char *address; /* with ADDR; the port is 56324 */
};

static const struct row good[] = {
    {TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 56324 8443\r\n"), PROXY_PROTOCOL_ADDR, "192.0.2.7"},
    {TEXT("PROXY TCP6 2001:db8::7 2001:db8::1 56324 8443\r\n"), PROXY_PROTOCOL_ADDR, "2001:db8::7"},
    {TEXT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 56324 65535\r\n"),
     PROXY_PROTOCOL_ADDR, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {TEXT("PROXY UNKNOWN\r\n"), PROXY_PROTOCOL_LOCAL, NULL},
    {TEXT("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), PROXY_PROTOCOL_LOCAL, NULL},
    {TEXT(SIGNATURE "\x21\x11\0\x0c" V4_BODY), PROXY_PROTOCOL_ADDR, "192.0.2.7"},
    {TEXT(SIGNATURE "\x21\x21\0\x24" V6_BODY), PROXY_PROTOCOL_ADDR, "2001:db8::7"},
    /* an extension (PP2_TYPE_NOOP, three octets) behind the addresses */
    {TEXT(SIGNATURE "\x21\x11\0\x12" V4_BODY "\x04\0\x03xyz"), PROXY_PROTOCOL_ADDR, "192.0.2.7"},
    {TEXT(SIGNATURE "\x20\0\0\0"), PROXY_PROTOCOL_LOCAL, NULL},
    {TEXT(SIGNATURE "\x20\x11\0\x0c" V4_BODY), PROXY_PROTOCOL_LOCAL, NULL},
    {TEXT(SIGNATURE "\x21\0\0\0"), PROXY_PROTOCOL_LOCAL, NULL},
};

static const struct str bad[] = {
    TEXT("GET / HTTP/1.1\r\n"),
    TEXT("\x16\x03\x01\x02\0"),
    TEXT("\r\n\r\n\0\r\nQUIX"),
    TEXT("proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n"),
    TEXT("PROXY\r\n"),
    TEXT("PROXY \r\n"),
    TEXT("PROXY \n"),
    TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n"),
    TEXT("PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n"),
    TEXT("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n"),
    TEXT("PROXY TCP4\r\n"),
    TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n"),
    TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n"),
    TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n"),
    TEXT("PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n"),
    TEXT("PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n"),
    TEXT("PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n"),
    TEXT("PROXY TCP4 192.0.2.7\0 198.51.100.1 1 2\r\n"),
    TEXT("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n"),
    TEXT("PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n"),
    TEXT("PROXY TCP4 192.0.2.7 nowhere 1 2\r\n"),
    TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n"),
    TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 1 -2\r\n"),
    TEXT("PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n"),
    TEXT(SIGNATURE "\x11\x11\0\x0c" V4_BODY),               /* version 1 in a header of version 2 */
    TEXT(SIGNATURE "\x22\x11\0\x0c" V4_BODY),               /* no such command */
    TEXT(SIGNATURE "\x21\x12\0\x0c" V4_BODY),               /* UDP */
    TEXT(SIGNATURE "\x21\x11\0\x0b\0\0\0\0\0\0\0\0\0\0\0"), /* too short for two addresses */
    TEXT(SIGNATURE "\x21\x21\0\x0c" V4_BODY),               /* IPv6, but as short as IPv4 */
    TEXT(SIGNATURE "\x21\x31\0\0"),                         /* AF_UNIX */
    TEXT(SIGNATURE "\x21\x11\x08\x01"),                     /* longer than is read */
    TEXT(SIGNATURE "\x21\x11\xff\xff"),
};

static void expect_address(const struct sockaddr_storage *addr, const char *want) {
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    memcpy(&v6, addr, sizeof(v6));
    memcpy(&v4, addr, sizeof(v4));
    bool six = strchr(want, ':') != NULL;
    assert_int_equal(addr->ss_family, six ? AF_INET6 : AF_INET);
    const void *ip = six ? (const void *)&v6.sin6_addr : (const void *)&v4.sin_addr;
    assert_non_null(inet_ntop(addr->ss_family, ip, text, sizeof(text)));
    assert_string_equal(text, want);
    assert_int_equal(ntohs(six ? v6.sin6_port : v4.sin_port), 56324);
}

static void headers_are_read_and_what_follows_is_not(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char memory[512];
        struct str text = good[i].text;
        memcpy(memory, text.ptr, text.len);
        memcpy(memory + text.len, "\x16\x03\x01 next", 8);
        for (size_t more = 0; more <= 8; more += 4) {
            size_t used = 0;
            struct sockaddr_storage addr = {0};
            assert_int_equal(
                proxy_protocol_read((struct str){memory, text.len + more}, &used, &addr),
                good[i].verdict);
            assert_int_equal(used, text.len);
            if (good[i].address != NULL) expect_address(&addr, good[i].address);
        }
    }
}

static void a_header_cut_anywhere_is_not_complete(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        for (size_t len = 0; len < good[i].text.len; len++) {
            size_t used = 0;
            struct sockaddr_storage addr;
            enum proxy_protocol verdict =
                proxy_protocol_read(str_part(good[i].text, 0, len), &used, &addr);
            if (verdict != PROXY_PROTOCOL_MORE) fail_msg("row %zu cut at %zu: %d", i, len, verdict);
        }
    }
}

static void what_is_no_header_is_bad(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        size_t used = 0;
        struct sockaddr_storage addr;
        enum proxy_protocol verdict = proxy_protocol_read(bad[i], &used, &addr);
        if (verdict != PROXY_PROTOCOL_BAD) fail_msg("row %zu: %d", i, verdict);
    }
}

/* Nobody may make us wait for the end of a line, or of a header, for ever. */
static void waiting_is_bounded(void **state) {
    (void)state;
    char memory[PROXY_PROTOCOL_MAX + 1];
    size_t used;
    struct sockaddr_storage addr;
    memset(memory, 'x', sizeof(memory));
    memcpy(memory, "PROXY ", 6);
    assert_int_equal(proxy_protocol_read((struct str){memory, 106}, &used, &addr),
                     PROXY_PROTOCOL_MORE);
    assert_int_equal(proxy_protocol_read((struct str){memory, 107}, &used, &addr),
                     PROXY_PROTOCOL_BAD);
    memcpy(memory + 106, "\r\n", 2); /* 108 octets */
    assert_int_equal(proxy_protocol_read((struct str){memory, 108}, &used, &addr),
                     PROXY_PROTOCOL_BAD);
    memset(memory, 0, sizeof(memory));
    memcpy(memory, SIGNATURE "\x21\x11\x08\x00", 16); /* 2 KiB: the most */
    assert_int_equal(
        proxy_protocol_read((struct str){memory, PROXY_PROTOCOL_MAX - 1}, &used, &addr),
        PROXY_PROTOCOL_MORE);
    assert_int_equal(proxy_protocol_read((struct str){memory, PROXY_PROTOCOL_MAX}, &used, &addr),
                     PROXY_PROTOCOL_ADDR);
    assert_int_equal(used, PROXY_PROTOCOL_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_and_what_follows_is_not),
        cmocka_unit_test(a_header_cut_anywhere_is_not_complete),
        cmocka_unit_test(what_is_no_header_is_bad),
        cmocka_unit_test(waiting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
