/* tls_fixture.h: certificates made on the spot, and two ends of TLS joined by memory. */
#ifndef TESTS_UNIT_TLS_FIXTURE_H
#define TESTS_UNIT_TLS_FIXTURE_H

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>

EVP_PKEY *fixture_ec_key(void);
EVP_PKEY *fixture_rsa_key(unsigned bits);

struct fixture_cert {
    const char *cn;
    const char *sans; /* "DNS:a.example,IP:192.0.2.1"; NULL: none */
    EVP_PKEY *key;
    X509 *issuer; /* NULL: signed by itself */
    EVP_PKEY *issuer_key;
    int from_days, to_days; /* both 0: yesterday to tomorrow */
    bool ca;
};

X509 *fixture_cert_new(struct fixture_cert spec);

/* A directory of this test run, removed by fixture_dir_remove. */
const char *fixture_dir_make(char path[64]);
void fixture_dir_remove(const char *dir);

/* Write DIR/NAME and give its path back in `path`. `pass` encrypts the key. */
void fixture_write_cert(const char *dir, const char *name, X509 *cert, char path[128]);
void fixture_write_key(const char *dir, const char *name, EVP_PKEY *key, const char *pass,
                       char path[128]);

/* Join the two, run both handshakes to their end; true when both are through. */
bool fixture_handshake(SSL *client, SSL *server);

/* Pass pending records both ways (tickets, alerts, close_notify). */
void fixture_pump(SSL *client, SSL *server);

/* The last reason in OpenSSL's error queue seen by the client end in fixture_handshake. */
int fixture_client_reason(void);

/* SHA-256 over the SPKI, by another way than the code under test. */
void fixture_pin(EVP_PKEY *key, uint8_t pin[32]);

#endif
