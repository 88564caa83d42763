#include "tests/unit/tls_fixture.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/base/ensure.h"

static _Thread_local int client_reason; /* of the handshake before */

EVP_PKEY *fixture_ec_key(void) {
    return EVP_EC_gen("P-256");
}

EVP_PKEY *fixture_rsa_key(unsigned bits) {
    return EVP_RSA_gen(bits);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ENSURE(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

X509 *fixture_cert_new(struct fixture_cert spec) {
    enum { DAY_S = 24 * 3600 };
    X509 *cert = X509_new();
    unsigned char serial[8];
    ENSURE(cert != NULL && RAND_bytes(serial, sizeof(serial)) == 1);
    uint64_t number = 0;
    memcpy(&number, serial, sizeof(number));
    if (spec.from_days == 0 && spec.to_days == 0) spec.from_days = -1, spec.to_days = 1;
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), number >> 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), (long)spec.from_days * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(cert), (long)spec.to_days * DAY_S);
    X509_set_pubkey(cert, spec.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                               (const unsigned char *)spec.cn, -1, -1, 0);
    X509 *issuer = spec.issuer != NULL ? spec.issuer : cert;
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    add_extension(cert, issuer, NID_subject_key_identifier, "hash");
    add_extension(cert, issuer, NID_basic_constraints,
                  spec.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (spec.sans != NULL) add_extension(cert, issuer, NID_subject_alt_name, spec.sans);
    EVP_PKEY *signer = spec.issuer_key != NULL ? spec.issuer_key : spec.key;
    ENSURE(X509_sign(cert, signer, EVP_sha256()) > 0);
    return cert;
}

const char *fixture_dir_make(char path[64]) {
    snprintf(path, 64, "/tmp/phonegate-tls-XXXXXX");
    ENSURE(mkdtemp(path) != NULL);
    return path;
}

void fixture_dir_remove(const char *dir) {
    DIR *open = opendir(dir);
    if (open == NULL) return;
    for (struct dirent *entry = readdir(open); entry != NULL; entry = readdir(open)) {
        if (entry->d_name[0] != '.') unlinkat(dirfd(open), entry->d_name, 0);
    }
    closedir(open);
    rmdir(dir);
}

static FILE *open_new(const char *dir, const char *name, char path[128]) {
    snprintf(path, 128, "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    ENSURE(file != NULL);
    return file;
}

void fixture_write_cert(const char *dir, const char *name, X509 *cert, char path[128]) {
    FILE *file = open_new(dir, name, path);
    ENSURE(PEM_write_X509(file, cert) == 1);
    fclose(file);
}

void fixture_write_key(const char *dir, const char *name, EVP_PKEY *key, const char *pass,
                       char path[128]) {
    FILE *file = open_new(dir, name, path);
    const EVP_CIPHER *cipher = pass == NULL ? NULL : EVP_aes_256_cbc();
    int len = pass == NULL ? 0 : (int)strlen(pass);
    ENSURE(PEM_write_PKCS8PrivateKey(file, key, cipher, pass, len, NULL, NULL) == 1);
    fclose(file);
}

static void join(SSL *client, SSL *server) {
    BIO *to_server = BIO_new(BIO_s_mem());
    BIO *to_client = BIO_new(BIO_s_mem());
    ENSURE(to_server != NULL && to_client != NULL);
    BIO_set_mem_eof_return(to_server, -1);
    BIO_set_mem_eof_return(to_client, -1);
    BIO_up_ref(to_server);
    BIO_up_ref(to_client);
    SSL_set_bio(client, to_client, to_server);
    SSL_set_bio(server, to_server, to_client);
}

/* One step of one end: 1 done, 0 wants more, -1 failed. */
static int step(SSL *ssl) {
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    if (result == 1) return 1;
    int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

bool fixture_handshake(SSL *client, SSL *server) {
    if (SSL_get_rbio(client) == NULL) {
        SSL_set_connect_state(client);
        SSL_set_accept_state(server);
        join(client, server);
    }
    client_reason = 0;
    int at_client = 0;
    int at_server = 0;
    for (int round = 0; round < 10 && (at_client == 0 || at_server == 0); round++) {
        if (at_client == 0) at_client = step(client);
        if (at_client < 0) client_reason = ERR_GET_REASON(ERR_peek_last_error());
        if (at_server == 0) at_server = step(server);
    }
    if (at_client == 1 && at_server == 1) {
        fixture_pump(client, server);
        return true;
    }
    if (at_client == 1) fixture_pump(client, server); /* a late alert of the server (TLS 1.3) */
    return false;
}

static void drain(SSL *ssl) {
    char octet;
    ERR_clear_error();
    if (SSL_read(ssl, &octet, 1) <= 0) {
        int reason = ERR_GET_REASON(ERR_peek_last_error());
        if (!SSL_is_server(ssl) && reason != 0) client_reason = reason;
    }
}

void fixture_pump(SSL *client, SSL *server) {
    for (int round = 0; round < 3; round++) {
        drain(client);
        drain(server);
    }
}

int fixture_client_reason(void) {
    return client_reason;
}

void fixture_pin(EVP_PKEY *key, uint8_t pin[32]) {
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    ENSURE(len > 0 && SHA256(der, (size_t)len, pin) != NULL);
    OPENSSL_free(der);
}
