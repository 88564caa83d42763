#include "proxy/config/nonce_key.h"

#include <stdio.h>

#include "proxy/config/textfile.h"

#define HEX_LEN ((size_t)2 * NONCE_KEY_LEN)
/* The last second that has a time in milliseconds below 2^48. */
#define MADE_MAX UINT64_C(281474976710)

static bool parse_line(struct str line, uint8_t key[NONCE_KEY_LEN], uint64_t *made_s) {
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
    *made_s = 0;
    if (!bytes_from_hex(str_part(line, 0, HEX_LEN), key, NONCE_KEY_LEN)) return false;
    struct str rest = str_part(line, HEX_LEN, line.len);
    if (rest.len == 0) return true;
    return rest.ptr[0] == ' ' && str_to_u64(str_part(rest, 1, rest.len), MADE_MAX, made_s);
}

bool nonce_key_parse(struct str text, struct nonce_keys *keys, char *error, size_t error_len) {
    struct str line;
    uint64_t unused;
    *keys = (struct nonce_keys){.made_s = 0};
    if (text.len > 0 && text.ptr[text.len - 1] == '\n') text.len--;
    bool good = str_split(&text, '\n', &line) && parse_line(line, keys->current, &keys->made_s);
    if (good && str_split(&text, '\n', &line)) {
        keys->has_previous = true;
        good = parse_line(line, keys->previous, &unused) && text.ptr == NULL;
    }
    if (good) return true;
    bytes_wipe(keys, sizeof(*keys));
    snprintf(error, error_len, "not one or two lines of 64 hexadecimal digits");
    return false;
}

bool nonce_key_read(const char *path, struct nonce_keys *keys, char *error, size_t error_len) {
    struct textfile file;
    if (!textfile_read(path, TEXTFILE_SECRET, NONCE_KEY_TEXT_MAX, &file, error, error_len))
        return false;
    bool good = nonce_key_parse((struct str){file.text, file.len}, keys, error, error_len);
    textfile_free(&file);
    return good;
}

void nonce_key_write(const struct nonce_keys *keys, struct outbuf *out) {
    outbuf_hex(out, keys->current, NONCE_KEY_LEN);
    outbuf_char(out, ' ');
    outbuf_u64(out, keys->made_s);
    outbuf_char(out, '\n');
    if (!keys->has_previous) return;
    outbuf_hex(out, keys->previous, NONCE_KEY_LEN);
    outbuf_char(out, '\n');
}
