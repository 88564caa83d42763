/* A vault's file of any octets, under a fixed key: nothing is given out that was not sealed, and
 * what was read is written so that it reads again with the same values and damage. */
#include <string.h>

#include "policy/base/ensure.h"
#include "proxy/vault/vault_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct vault_secret secret = {.bytes = {"0123456789abcdef0123456789abcdef", 32}};

/* The corpus' vaults hold only values that begin so. */
static void check_values(const struct vault_text *text) {
    for (size_t i = 0; i < text->count; i++) {
        const struct vault_item *item = text->items[i];
        if (item->problem != NULL || item->gone) continue;
        ENSURE(str_starts_with(item->value, STR("value of ")));
    }
}

static void read_again(const struct vault_text *text, struct str lines,
                       const struct vault_cipher *cipher, struct vault_memory *memory) {
    struct vault_text again;
    vault_text_init(&again);
    ENSURE(vault_text_read(lines, cipher, memory, NULL, &again) == NULL);
    ENSURE(again.index_problem == NULL);
    for (size_t i = 0; i < text->count; i++) {
        const struct vault_item *old = text->items[i];
        const struct vault_item *item =
            vault_text_find(&again, old->phone, old->setting, old->which);
        ENSURE(item != NULL && (item->problem == NULL) == (old->problem == NULL));
        ENSURE(str_equal(item->value, old->value));
    }
    ENSURE(again.scrap_count == text->scrap_count);
    vault_text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct vault_memory memory = {NULL};
    struct vault_cipher cipher;
    struct vault_text text;
    struct str lines = {(const char *)data, size}, header;
    vault_text_init(&text);
    if (str_split(&lines, '\n', &header) && vault_cipher_open(header, &secret, &cipher) == NULL &&
        vault_text_read(lines, &cipher, &memory, NULL, &text) == NULL) {
        check_values(&text);
        size_t len;
        char *file = vault_text_write(&text, &cipher, &len);
        ENSURE(file != NULL);
        struct str rest = {file, len};
        ENSURE(str_split(&rest, '\n', &header) &&
               str_equal(header, str_part((struct str){(const char *)data, size}, 0, header.len)));
        read_again(&text, rest, &cipher, &memory);
        free(file);
    }
    vault_text_free(&text);
    vault_memory_release(&memory);
    return 0;
}
