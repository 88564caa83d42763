#include "policy/base/bytes.h"

#include <openssl/crypto.h>
#include <string.h>

bool bytes_equal_ct(const void *a, const void *b, size_t len) {
    return CRYPTO_memcmp(a, b, len) == 0;
}

void bytes_wipe(void *memory, size_t len) {
    if (memory != NULL) OPENSSL_cleanse(memory, len);
}

/* The value of each hex digit, plus 1; 0 where it is none. */
static const uint8_t hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool bytes_from_hex(struct str hex, uint8_t *out, size_t len) {
    if (hex.len != 2 * len) return false;
    for (size_t i = 0; i < len; i++) {
        unsigned high = hex_values[(unsigned char)hex.ptr[2 * i]];
        unsigned low = hex_values[(unsigned char)hex.ptr[2 * i + 1]];
        if (high == 0 || low == 0) return false;
        out[i] = (uint8_t)((high - 1) * 16 + (low - 1));
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

/* The value of each character as a digit, plus 1; 0 where it is none. */
static const uint8_t b64_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

bool bytes_from_b64(struct str text, uint8_t *out, size_t len) {
    if (text.len != BYTES_B64_LEN(len)) return false;
    const unsigned char *in = (const unsigned char *)text.ptr;
    size_t left = text.len;
    for (; left >= 4; left -= 4, in += 4) {
        uint32_t a = b64_values[in[0]], b = b64_values[in[1]];
        uint32_t c = b64_values[in[2]], d = b64_values[in[3]];
        if (a == 0 || b == 0 || c == 0 || d == 0) return false;
        uint32_t bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        *out++ = (uint8_t)(bits >> 16);
        *out++ = (uint8_t)(bits >> 8);
        *out++ = (uint8_t)bits;
    }
    if (left == 0) return true;
    /* Two or three digits: one or two octets, and no bit behind them set. */
    uint32_t bits = 0;
    for (size_t i = 0; i < left; i++) {
        uint32_t digit = b64_values[in[i]];
        if (digit == 0) return false;
        bits = bits << 6 | (digit - 1);
    }
    unsigned spare = left == 2 ? 4 : 2;
    if (left == 3) *out++ = (uint8_t)(bits >> 10);
    *out = (uint8_t)(bits >> spare);
    return (bits & ((1u << spare) - 1)) == 0;
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
