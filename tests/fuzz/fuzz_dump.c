/* Any octets as a phone's list of settings: no crash; names are names, entries stand in order and
 * once, everything can be found again; a refused text leaves nothing. */
#include <string.h>

#include "policy/harden/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct dump *dump, size_t i) {
    const struct dump_entry *entry = &dump->entries[i];
    ENSURE(entry->name.len > 0 && entry->name.len <= DUMP_NAME_MAX);
    for (size_t at = 0; at < entry->name.len; at++) {
        char c = entry->name.ptr[at];
        ENSURE(ascii_is_alpha(c) || ascii_is_digit(c) || c == '_');
    }
    if (entry->idx == 0) ENSURE(dump_find(dump, entry->name) == entry);
    if (i == 0) return;
    const struct dump_entry *last = &dump->entries[i - 1];
    ENSURE(last->idx != entry->idx || !str_equal(last->name, entry->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct dump dump;
    arena_init(&arena, DUMP_ARENA);
    enum dump_verdict verdict = dump_read((struct str){(const char *)data, size}, &arena, &dump);
    ENSURE(dump_verdict_str(verdict)[0] != '\0' && verdict != DUMP_NO_MEMORY);
    ENSURE((verdict == DUMP_OK) == (dump.count > 0) && dump.count <= DUMP_ENTRIES_MAX);
    for (size_t i = 0; i < dump.count; i++) check_entry(&dump, i);
    arena_release(&arena);
    return 0;
}
