#include "text/sum.h"

#define PRIME 65521
#define RUN 5552 /* so many bytes before the sums could pass 32 bits (RFC 1950, 9) */

uint32_t sum_adler32(uint32_t sum, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint32_t a = sum & 0xffff, b = sum >> 16;
    while (n > 0) {
        size_t run = n < RUN ? n : RUN;
        n -= run;
        while (run-- > 0) {
            a += *p++;
            b += a;
        }
        a %= PRIME;
        b %= PRIME;
    }
    return b << 16 | a;
}

#define POLYNOMIAL 0x82f63b78 /* Castagnoli's, its bits turned round */

/* table[k][c]: what the byte c gives when k bytes of 0 follow it. */
static uint32_t table[8][256];

static void fill_table(void)
{
    for (uint32_t c = 0; c < 256; c++) {
        uint32_t r = c;
        for (int bit = 0; bit < 8; bit++)
            r = r & 1 ? r >> 1 ^ POLYNOMIAL : r >> 1;
        table[0][c] = r;
    }
    for (int k = 1; k < 8; k++)
        for (int c = 0; c < 256; c++)
            table[k][c] = table[k - 1][c] >> 8 ^ table[0][table[k - 1][c] & 255];
}

uint32_t sum_crc32c(uint32_t sum, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    if (!table[0][1])
        fill_table();
    sum = ~sum;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t first = sum ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                                (uint32_t)p[3] << 24);
        sum = table[7][first & 255] ^ table[6][first >> 8 & 255] ^ table[5][first >> 16 & 255] ^
              table[4][first >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
              table[0][p[7]];
    }
    while (n-- > 0)
        sum = sum >> 8 ^ table[0][(sum ^ *p++) & 255];
    return ~sum;
}
