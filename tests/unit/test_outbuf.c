/* Text into lent memory: what does not fit is marked, never written. */
#include "policy/base/outbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

static void text(void **state) {
    (void)state;
    char memory[64];
    struct outbuf out;
    const uint8_t bytes[] = {0x00, 0x9f, 0xff};
    outbuf_init(&out, memory, sizeof(memory));
    outbuf_put(&out, STR("a"));
    outbuf_put(&out, STR_NONE);
    outbuf_char(&out, ' ');
    outbuf_u64(&out, 0);
    outbuf_char(&out, ' ');
    outbuf_u64(&out, UINT64_MAX);
    outbuf_char(&out, ' ');
    outbuf_hex(&out, bytes, sizeof(bytes));
    outbuf_hex(&out, bytes, 0);
    assert_false(out.full);
    assert_true(str_equal(outbuf_str(&out), STR("a 0 18446744073709551615 009fff")));
}

static void full(void **state) {
    (void)state;
    char memory[8];
    struct outbuf out;
    const uint8_t bytes[3] = {1, 2, 3};
    memset(memory, '#', sizeof(memory));
    outbuf_init(&out, memory, 5);
    outbuf_put(&out, STR("12345"));
    assert_false(out.full);
    outbuf_put(&out, STR(""));
    assert_false(out.full);
    outbuf_char(&out, '6');
    assert_true(out.full);
    assert_true(str_equal(outbuf_str(&out), STR("12345")));
    outbuf_init(&out, memory, 5);
    outbuf_hex(&out, bytes, 3);
    assert_true(out.full);
    outbuf_init(&out, memory, 5);
    outbuf_hex(&out, bytes, 2);
    assert_false(out.full);
    outbuf_hex(&out, bytes, SIZE_MAX);
    assert_true(out.full);
    outbuf_init(&out, memory, 5);
    outbuf_u64(&out, 123456);
    assert_true(out.full);
    assert_memory_equal(memory + 5, "###", 3);
}

static void markup(void **state) {
    (void)state;
    char memory[64];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    outbuf_markup(&out, STR("a<b>&\"'\xc3\xa4"));
    assert_true(str_equal(outbuf_str(&out), STR("a&lt;b&gt;&amp;&quot;&#39;\xc3\xa4")));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(text), cmocka_unit_test(full),
                                       cmocka_unit_test(markup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
