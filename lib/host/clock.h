/* The clock and chance: read here and handed down, never read in text/ or model/. */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include "text/uuid.h"
#include "text/when.h"

int64_t clock_ms(void);   /* real time, ms since 1970: windows, leases, what is told */
int64_t clock_boot(void); /* ms since boot, sleep included: limits and deadlines */
struct when clock_when(void);
/* A new UUIDv7. Returns text. */
char *clock_uuid(char text[UUID_TEXT]);
/* 128 random bits, that nobody guesses: 32 hexadecimal digits. Returns text. */
#define CHANCE_TEXT 33
char *clock_chance(char text[CHANCE_TEXT]);

/* A descriptor that becomes readable when somebody sets the clock (read it, and it is not any
 * more); -1 where there is none. */
int clock_watch(void);

#endif
