#include "tests/bench/load_digest.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

/* A checked snprintf: the length, or the end of the program. */
#define FORMAT(buf, ...) checked(snprintf((buf), sizeof(buf), __VA_ARGS__), sizeof(buf))

static size_t checked(int len, size_t size) {
    if (len < 0 || (size_t)len >= size) util_die("request too long");
    return (size_t)len;
}

/* A stranger's request announces an empty body: it is refused, and its octets would be in the way.
 */
static size_t write_request(struct ticket *ticket, const struct account *account,
                            const char *authorization) {
    char length[96] = "";
    bool refused = account->algorithm != NULL && authorization[0] == '\0';
    ticket->body = refused ? 0 : account->upload;
    if (account->upload > 0)
        FORMAT(length, "Content-Type: application/octet-stream\r\nContent-Length: %llu\r\n",
               (unsigned long long)ticket->body);
    return FORMAT(
        ticket->request,
        "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: phonegate-bench\r\nAccept: */*\r\n%s%s\r\n",
        account->method, account->target, account->host, length, authorization);
}

void ticket_init(struct ticket *ticket, const struct account *account) {
    *ticket = (struct ticket){.nc = 0};
    ticket->request_len = write_request(ticket, account, "");
}

/* The hash of "a:b" or "a:b:c". */
static void hash_joined(struct account *account, const char *const parts[3], char out[HEX_MAX]) {
    char text[768];
    size_t len = FORMAT(text, "%s:%s%s%s", parts[0], parts[1], parts[2] == NULL ? "" : ":",
                        parts[2] == NULL ? "" : parts[2]);
    hasher_hex(&account->hasher, (struct slice){text, len}, out);
}

static void random_hex(char out[17]) {
    uint32_t words[2];
    if (RAND_bytes((unsigned char *)words, sizeof words) != 1) util_die("no random bytes");
    util_hex32(words[0], out);
    util_hex32(words[1], out + 8);
    out[16] = '\0';
}

/* Where needle starts in the ticket's text, right behind it. */
static size_t behind(const char *text, const char *needle) {
    const char *at = strstr(text, needle);
    if (at == NULL) util_die("internal: no %s in the request", needle);
    return (size_t)(at - text) + strlen(needle);
}

static void ticket_write(struct ticket *ticket, struct account *account, const char *realm,
                         const char *nonce) {
    char ha1[HEX_MAX], ha2[HEX_MAX], cnonce[17], line[1024];
    hash_joined(account, (const char *const[]){account->user, realm, account->password}, ha1);
    hash_joined(account, (const char *const[]){account->method, account->target, NULL}, ha2);
    random_hex(cnonce);
    ticket->proof_len = FORMAT(ticket->proof, "%s:%s:00000000:%s:auth:%s", ha1, nonce, cnonce, ha2);
    ticket->proof_nc_at = strlen(ha1) + 1 + strlen(nonce) + 1;
    FORMAT(line,
           "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
           "algorithm=%s, response=\"%s\", qop=auth, nc=00000000, cnonce=\"%s\"\r\n",
           account->user, realm, nonce, account->target, account->algorithm, ha2, cnonce);
    ticket->request_len = write_request(ticket, account, line);
    ticket->nc_at = behind(ticket->request, ", nc=");
    ticket->response_at = behind(ticket->request, ", response=\"");
    ticket->nc = 0;
}

bool ticket_challenge(struct ticket *ticket, struct account *account, struct slice challenge) {
    struct slice realm, nonce, qop, algorithm;
    if (!digest_param(challenge, "realm", &realm) || !digest_param(challenge, "nonce", &nonce) ||
        !digest_param(challenge, "qop", &qop) || memmem(qop.ptr, qop.len, "auth", 4) == NULL)
        return false;
    if (!digest_param(challenge, "algorithm", &algorithm)) algorithm = (struct slice){"MD5", 3};
    if (!slice_is_nocase(algorithm, account->algorithm)) return false;
    char realm_text[128], nonce_text[256];
    FORMAT(realm_text, "%.*s", (int)realm.len, realm.ptr);
    FORMAT(nonce_text, "%.*s", (int)nonce.len, nonce.ptr);
    ticket_write(ticket, account, realm_text, nonce_text);
    return true;
}

void ticket_next(struct ticket *ticket, struct account *account) {
    if (ticket->proof_len == 0) return;
    char response[HEX_MAX];
    ticket->nc++;
    util_hex32(ticket->nc, ticket->proof + ticket->proof_nc_at);
    util_hex32(ticket->nc, ticket->request + ticket->nc_at);
    size_t len =
        hasher_hex(&account->hasher, (struct slice){ticket->proof, ticket->proof_len}, response);
    memcpy(ticket->request + ticket->response_at, response, len);
}
