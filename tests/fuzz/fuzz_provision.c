/* Lines "name=value" with a flag in front: whatever is written is read back by the reader of dumps
 * as exactly that; whatever is refused has a reason. */
#include <string.h>

#include "policy/harden/dump.h"
#include "policy/harden/provision.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SETTINGS_MAX 32

static size_t split(struct str text, struct provision_setting *settings) {
    struct str line;
    size_t count = 0;
    while (count < SETTINGS_MAX && str_split(&text, '\n', &line)) {
        if (line.len < 2) continue;
        size_t equals = str_find(line, '=', 1);
        unsigned bits = (unsigned char)line.ptr[0];
        settings[count++] = (struct provision_setting){
            .name = str_part(line, 1, equals - 1),
            .value = str_part(line, equals + 1, line.len),
            .perm = (enum provision_perm)(bits % 3),
            .secret = (bits & 8) != 0,
            .first = (bits & 16) != 0,
            .idx = (bits & 32) != 0 ? bits : 0,
        };
    }
    return count;
}

static const struct dump_entry *find(const struct dump *dump, const struct provision_setting *one) {
    for (size_t i = 0; i < dump->count; i++) {
        const struct dump_entry *entry = &dump->entries[i];
        if (entry->idx == one->idx && str_equal(entry->name, one->name)) return entry;
    }
    return NULL;
}

static void check_back(const struct provision_setting *settings, size_t count, struct str text) {
    static const enum dump_perm perms[] = {DUMP_PERM_R, DUMP_PERM_RW, DUMP_PERM_USER};
    struct arena arena;
    struct dump dump;
    arena_init(&arena, DUMP_ARENA);
    ENSURE(dump_read(text, &arena, &dump) == (count > 0 ? DUMP_OK : DUMP_NOT_ONE));
    ENSURE(dump.count == count);
    for (size_t i = 0; i < count; i++) {
        const struct dump_entry *entry = find(&dump, &settings[i]);
        ENSURE(entry != NULL && !entry->unclear && str_equal(entry->value, settings[i].value));
        ENSURE(entry->perm == perms[settings[i].perm]);
        ENSURE(!settings[i].secret || entry->perm != DUMP_PERM_USER);
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char memory[1 << 16];
    struct provision_setting settings[SETTINGS_MAX];
    struct outbuf out;
    size_t bad = 0, count = split((struct str){(const char *)data, size}, settings);
    outbuf_init(&out, memory, sizeof(memory));
    enum provision_verdict verdict = provision_write(settings, count, &out, &bad);
    ENSURE(provision_verdict_str(verdict)[0] != '\0');
    if (verdict == PROVISION_OK) check_back(settings, count, outbuf_str(&out));
    return 0;
}
