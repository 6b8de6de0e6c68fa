/* Signing what is sent, by the Standard Webhooks: HMAC-SHA256 of id, time and body. */
#ifndef CMD_SIGN_H
#define CMD_SIGN_H

#include "text/base.h"

/* The value of webhook-signature, "v1,BASE64"; the caller frees. `time` as webhook-timestamp has
 * it. A key "whsec_BASE64" is meant decoded. NULL when this was built without OpenSSL. */
char *sign_body(const char *key, const char *id, const char *time, const char *body);

#endif
