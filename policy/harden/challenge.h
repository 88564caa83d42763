/* challenge.h: which logins a phone's 401 offers. */
#ifndef POLICY_HARDEN_CHALLENGE_H
#define POLICY_HARDEN_CHALLENGE_H

#include "policy/base/request.h"
#include "policy/harden/harden.h"

/* From all WWW-Authenticate fields together, by the names of the schemes alone: OTHER where none is
 * known, and where a field cannot be read and nothing in front of that was known. */
enum harden_challenge harden_challenge_of(const struct header *headers, size_t count);

#endif
