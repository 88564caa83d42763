/* What is remembered of phones' hardening: any octets, and what is taken can be written and is read
 * as the same again. */
#include <string.h>

#include "policy/base/ensure.h"
#include "proxy/harden/held_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *user, const struct held_memory *m) {
    char memory[HELD_LINE_MAX], second[HELD_LINE_MAX];
    struct held_memory again;
    struct outbuf out, twice;
    size_t *count = user;
    (*count)++;
    ENSURE(m->id[0] != '\0' && strlen(m->id) <= HELD_ID_MAX);
    ENSURE(strlen(m->trouble) <= HELD_TROUBLE_MAX && m->drift.passing <= DRIFT_PASSING_MAX);
    outbuf_init(&out, memory, sizeof(memory));
    held_state_put(m, &out);
    ENSURE(!out.full);
    struct str line = outbuf_str(&out);
    ENSURE(held_state_line(str_part(line, 0, line.len - 1), &again));
    outbuf_init(&twice, second, sizeof(second));
    held_state_put(&again, &twice);
    ENSURE(str_equal(line, outbuf_str(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t count = 0;
    bool good = held_state_read((struct str){(const char *)data, size}, check, &count);
    ENSURE(!good || count < size);
    return 0;
}
