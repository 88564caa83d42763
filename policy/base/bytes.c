#include "policy/base/bytes.h"

#include <openssl/crypto.h>
#include <string.h>

bool bytes_equal_ct(const void *a, const void *b, size_t len) {
    return CRYPTO_memcmp(a, b, len) == 0;
}

void bytes_wipe(void *memory, size_t len) {
    if (memory != NULL) OPENSSL_cleanse(memory, len);
}

bool bytes_from_hex(struct str hex, uint8_t *out, size_t len) {
    if (hex.len != 2 * len) return false;
    for (size_t i = 0; i < len; i++) {
        int high = ascii_hex_value(hex.ptr[2 * i]);
        int low = ascii_hex_value(hex.ptr[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void bytes_to_b64(const uint8_t *bytes, size_t len, char *out) {
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffffff;
        have += 8;
        while (have >= 6) {
            have -= 6;
            *out++ = b64_digits[bits >> have & 63];
        }
    }
    if (have > 0) *out = b64_digits[bits << (6 - have) & 63];
}

static int b64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    return c == '_' ? 63 : -1;
}

bool bytes_from_b64(struct str text, uint8_t *out, size_t len) {
    if (text.len != BYTES_B64_LEN(len)) return false;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = b64_value(text.ptr[i]);
        if (value < 0) return false;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (uint8_t)(bits >> have);
        }
    }
    return (bits & ((1u << have) - 1)) == 0;
}

void bytes_put_u64(uint8_t out[8], uint64_t value) {
    for (int i = 7; i >= 0; i--) {
        out[i] = (uint8_t)value;
        value >>= 8;
    }
}

uint64_t bytes_get_u64(const uint8_t in[8]) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | in[i];
    return value;
}
