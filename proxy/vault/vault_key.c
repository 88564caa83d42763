#include "proxy/vault/vault_key.h"

#include <stdio.h>
#include <string.h>

#include "policy/base/bytes.h"
#include "proxy/config/textfile.h"

#define FILE_MAX     4096
#define NAME_MAX_LEN 64

bool vault_key_name_is_good(struct str name) {
    if (name.len == 0 || name.len > NAME_MAX_LEN || name.ptr[0] == '.') return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

static bool take_key(struct str text, struct vault_memory *memory, struct vault_secret *secret) {
    uint8_t *key = vault_memory_take(memory, VAULT_KEY_LEN);
    *secret = (struct vault_secret){.bytes = {(const char *)key, VAULT_KEY_LEN}};
    if (text.len == VAULT_KEY_LEN) {
        memcpy(key, text.ptr, VAULT_KEY_LEN);
        return true;
    }
    if (str_ends_with(text, STR("\n"))) text.len--;
    if (str_ends_with(text, STR("\r"))) text.len--;
    return bytes_from_hex(text, key, VAULT_KEY_LEN);
}

static bool take_passphrase(const struct textfile *file, struct vault_memory *memory,
                            struct vault_secret *secret, char *error, size_t error_len) {
    struct str line;
    if (!textfile_password(file, &line, error, error_len)) return false;
    if (line.len < VAULT_PASSPHRASE_MIN || line.len > VAULT_PASSPHRASE_MAX) {
        snprintf(error, error_len, "a passphrase has %d to %d octets", VAULT_PASSPHRASE_MIN,
                 VAULT_PASSPHRASE_MAX);
        return false;
    }
    *secret = (struct vault_secret){true, vault_memory_copy(memory, line)};
    return true;
}

static bool read_file(const struct vault_key_source *source, const char *path,
                      struct vault_memory *memory, struct vault_secret *secret, char *error,
                      size_t error_len) {
    enum textfile_kind kind =
        source->kind == VAULT_KEY_CREDENTIAL ? TEXTFILE_CREDENTIAL : TEXTFILE_SECRET;
    struct textfile file;
    char why[256];
    bool good = textfile_read(path, kind, FILE_MAX, &file, why, sizeof(why));
    if (good && source->kind == VAULT_KEY_PASSPHRASE_FILE) {
        good = take_passphrase(&file, memory, secret, why, sizeof(why));
    } else if (good && !take_key((struct str){file.text, file.len}, memory, secret)) {
        good = false;
        snprintf(why, sizeof(why), "neither %d octets nor %d hexadecimal digits", VAULT_KEY_LEN,
                 2 * VAULT_KEY_LEN);
    }
    textfile_free(&file);
    if (!good) snprintf(error, error_len, "%s: %s", path, why);
    return good;
}

bool vault_key_read(const struct vault_key_source *source, struct vault_memory *memory,
                    struct vault_secret *secret, char *error, size_t error_len) {
    if (source->kind != VAULT_KEY_CREDENTIAL)
        return read_file(source, source->where, memory, secret, error, error_len);
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (directory == NULL || directory[0] == '\0') {
        snprintf(error, error_len,
                 "the credential %s is there only where systemd gives it: "
                 "$CREDENTIALS_DIRECTORY is not set",
                 source->where);
        return false;
    }
    char *path;
    ENSURE(asprintf(&path, "%s/%s", directory, source->where) > 0);
    bool good = vault_key_name_is_good(str_of(source->where)) &&
                read_file(source, path, memory, secret, error, error_len);
    free(path);
    return good;
}
