/* The two short checksums that stores of data speak, which do not guard against malice; and the one
 * that does, of bytes at hand. */
#ifndef TEXT_SUM_H
#define TEXT_SUM_H

#include "text/base.h"

/* Both go on from `sum`, which is what the bytes before gave; the first is SUM_ADLER32_START, or 0
 * for crc32c. */
#define SUM_ADLER32_START 1
uint32_t sum_adler32(uint32_t sum, const void *bytes, size_t n); /* RFC 1950 */
uint32_t sum_crc32c(uint32_t sum, const void *bytes, size_t n);  /* RFC 3720, B.4 */

#define SUM_SHA256_TEXT 65                                               /* 64 digits, and a NUL */
void sum_sha256(const void *bytes, size_t n, char hex[SUM_SHA256_TEXT]); /* FIPS 180-4 */
/* Of a text, with a key (RFC 2104). */
void sum_hmac(const void *key, size_t nkey, const char *text, char hex[SUM_SHA256_TEXT]);

#endif
