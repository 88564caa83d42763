/* Is there still somebody who takes our answer? What needs a clock and a socket: tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/client/conn_parts.h"

/* The read side cannot be waited for: reading is held back behind a further request. */
static void who_reset_the_connection_has_left(void **state) {
    (void)state;
    static struct conn c;
    assert_false(conn_reader_left(&c));
    c.stream.broken = true;
    c.stream.paused = true;
    assert_true(conn_reader_left(&c));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reset_the_connection_has_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
