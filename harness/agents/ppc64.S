/*
 * The guest agent for 64-bit Book3S Power: it runs the suite's instructions with the suite's registers and reports
 * how they ended.
 *
 * It is a raw image linked at 0. The machine enters it at the system reset vector with the device tree's address in
 * r3 and MSR = 0 (QEMU, hw/ppc/spapr.c, spapr_machine_reset). From then on it polls a mailbox in RAM that the host
 * shares. For each doorbell it loads every register that supervisor state can load, enters with rfid, and at the next
 * interrupt stores every register that it can read.
 *
 * No general register is lost: the handlers address doublewords below 0x100 absolutely, (RA|0) with RA = 0 being
 * zero (Power ISA, Book I, 1.10.3). Entering by rfid takes SRR0 and SRR1, so those two cannot be handed in.
 *
 * The mailbox is what harness/src/backends/qemu/mailbox.rs describes; keep the two alike.
 */
	.machine power9
	.abiversion 2

/* Doublewords in low memory. They are part of the image, so a reset of the machine clears them. */
	.set S_R1,   0x40		/* r1, r2 as the interrupt found them */
	.set S_R2,   0x48
	.set S_VEC,  0x50		/* which vector */
	.set S_CR,   0x58
	.set S_UP,   0x60		/* not 0 once booted: a later reset vector is an NMI */
	.set S_IDLE, 0x68		/* not 0 while the agent itself runs */
	.set S_LE,   0x70		/* MSR[LE] of an interrupt taken little-endian */
	.set S_SRR0, 0x78
	.set S_SRR1, 0x80

/* The mailbox: control words, input record, output record. */
	.set BOX,          0x100000
	.set B_IN,         0x00		/* doorbell number, rung by the host */
	.set B_OUT,        0x08		/* the last one that was answered */
	.set B_BOOTS,      0x10		/* how often the agent booted */
	.set B_MSR,        0x18		/* MSR and r3 as the machine gave them, PVR */
	.set B_TREE,       0x20
	.set B_PVR,        0x28
	.set B_FRESH_AT,   0x30		/* words that the host wrote where code was executed before */
	.set B_FRESH_LEN,  0x38
	.set B_TIMED,      0x40		/* not 0: load the decrementer, which is slow to write */
	.set IN,           0x400
	.set OUT,          0x600
	.set R_CR,    256
	.set R_LR,    264
	.set R_CTR,   272
	.set R_XER,   280
	.set R_MSR,   288
	.set R_PC,    296		/* in: where to start; out: the vector */
	.set R_DAR,   304
	.set R_DSISR, 312
	.set R_SPRG,  320		/* SPRG0 to SPRG3 */
	.set R_DEC,   352
	.set R_SRR0,  360		/* out only */
	.set R_SRR1,  368
	.set R_VRSAVE, 376
	.set R_TAR,   384
	.set R_FSCR,  392

	.set FROM_LE, 0x2000		/* both need fixed places: see LE and the scv vectors */
	.set COMMON,  0x2100
	.set DEC,     22
	.set DSISR,   18
	.set DAR,     19
	.set SPRG0,   272
	.set VRSAVE,  256
	.set TAR,     815
	.set FSCR,    153
	.set FSCR_TAR, 0x100		/* without it, using TAR is an interrupt */

/* A word as little-endian state reads it. No spaces in WORD: they would end the argument. */
	.macro LE word
	.long (((\word)&0xff)<<24)|(((\word)&0xff00)<<8)|(((\word)>>8)&0xff00)|(((\word)>>24)&0xff)
	.endm

/*
 * An interrupt vector, 32 bytes. H_SET_MODE can make the guest's interrupts little-endian. "tdi 0,0,0x48" never
 * traps, and its bytes in the other order are "b .+8".
 */
	.macro VECTOR at
	. = \at
	tdi	0,0,0x48
	b	.+16
	LE	0xf8200000+S_R1		/* std 1,S_R1(0) */
	LE	0x38200000+\at		/* li 1,at */
	LE	0x48000002+FROM_LE		/* ba FROM_LE */
	std	1,S_R1(0)
	li	1,\at
	.if \at == 0x100
	b	reset
	.else
	b	common
	.endif
	.endm

	.text
	.globl _start
_start:
	.irp at,0x100,0x200,0x300,0x380,0x400,0x480,0x500,0x600,0x700,0x800,0x900,0x980,0xa00,0xb00,0xc00,0xd00
	VECTOR \at
	.endr
	.irp at,0xe00,0xe20,0xe40,0xe60,0xe80,0xea0,0xec0,0xee0,0xf00,0xf20,0xf40,0xf60,0xf80,0xfa0,0xfc0,0xfe0
	VECTOR \at
	.endr
	.irp at,0x1000,0x1100,0x1200,0x1300,0x1400,0x1500,0x1600,0x1700,0x1800
	VECTOR \at
	.endr

/* What the host runs for itself, in real mode. The host knows these addresses. */
	. = 0x1c00
	sc	1
	trap
	. = 0x1c10
	slbmte	5,6
	trap
	. = 0x1c20
	trap

/* From an interrupt taken little-endian: r1 is stored, r1 = vector. Turns to big-endian and goes on as usual. */
	. = FROM_LE
	LE	0xf8400000+S_R2		/* std 2,S_R2(0) */
	LE	0xf8200000+S_VEC		/* std 1,S_VEC(0) */
	LE	0x7c5a02a6			/* mfsrr0 2 */
	LE	0xf8400000+S_SRR0		/* std 2,S_SRR0(0) */
	LE	0x7c5b02a6			/* mfsrr1 2 */
	LE	0xf8400000+S_SRR1		/* std 2,S_SRR1(0) */
	LE	0x7c4000a6			/* mfmsr 2 */
	LE	0x68420001			/* xori 2,2,1: MSR[LE] */
	LE	0x7c5b03a6			/* mtsrr1 2 */
	LE	0x38400000+FROM_LE+0x40	/* li 2,FROM_LE + 0x40 */
	LE	0x7c5a03a6			/* mtsrr0 2 */
	LE	0x4c000024			/* rfid */
	. = FROM_LE + 0x40
	li	2,S_SRR0
	ldbrx	1,0,2
	mtsrr0	1
	li	2,S_SRR1
	ldbrx	1,0,2
	mtsrr1	1
	li	2,S_R1
	ldbrx	1,0,2
	std	1,S_R1(0)
	li	2,1
	std	2,S_LE(0)
	li	2,S_VEC
	ldbrx	1,0,2
	li	2,S_R2
	ldbrx	2,0,2
	b	common

/* From any interrupt: r1 is stored, r1 = vector. */
	. = COMMON
common:
	std	1,S_VEC(0)
	std	2,S_R2(0)
	lis	1,BOX@h
	std	0,OUT(1)
	ld	2,S_R1(0)
	std	2,OUT+8(1)
	ld	2,S_R2(0)
	std	2,OUT+16(1)
	.irp n,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	std	\n,OUT+8*\n(1)
	.endr
	mfcr	3
	std	3,OUT+R_CR(1)
	mflr	3
	std	3,OUT+R_LR(1)
	mfctr	3
	std	3,OUT+R_CTR(1)
	mfxer	3
	std	3,OUT+R_XER(1)
	mfmsr	3
	ld	4,S_LE(0)
	or	3,3,4
	std	3,OUT+R_MSR(1)
	ld	3,S_VEC(0)
	std	3,OUT+R_PC(1)
	mfspr	3,DAR
	std	3,OUT+R_DAR(1)
	mfspr	3,DSISR
	std	3,OUT+R_DSISR(1)
	.irp n,0,1,2,3
	mfspr	3,SPRG0+\n
	std	3,OUT+R_SPRG+8*\n(1)
	.endr
	mfspr	3,DEC
	std	3,OUT+R_DEC(1)
	mfspr	3,FSCR
	std	3,OUT+R_FSCR(1)
	ori	3,3,FSCR_TAR
	mtspr	FSCR,3
	mfspr	3,TAR
	std	3,OUT+R_TAR(1)
	mfspr	3,VRSAVE
	std	3,OUT+R_VRSAVE(1)
	mfsrr0	3
	std	3,OUT+R_SRR0(1)
	mfsrr1	3
	std	3,OUT+R_SRR1(1)
	li	3,0
	std	3,S_LE(0)
	li	3,1
	std	3,S_IDLE(0)
	ld	5,B_IN(1)
	lwsync
	std	5,B_OUT(1)

poll:
	lis	1,BOX@h
1:	ld	5,B_IN(1)
	ld	6,B_OUT(1)
	cmpd	5,6
	beq	1b
	lwsync
	/*
	 * An emulator that translates does not see that the host wrote over code. A store by the guest drops the
	 * translation, so store each such word again.
	 */
	ld	5,B_FRESH_LEN(1)
	cmpdi	5,0
	beq	3f
	mtctr	5
	ld	6,B_FRESH_AT(1)
	addi	6,6,-4
2:	lwzu	7,4(6)
	stw	7,0(6)
	dcbst	0,6
	sync
	icbi	0,6
	bdnz	2b
	isync
3:	ld	3,B_TIMED(1)
	cmpdi	3,0
	beq	4f
	ld	3,IN+R_DEC(1)
	mtspr	DEC,3
4:	ld	3,IN+R_DAR(1)
	mtspr	DAR,3
	ld	3,IN+R_DSISR(1)
	mtspr	DSISR,3
	.irp n,0,1,2,3
	ld	3,IN+R_SPRG+8*\n(1)
	mtspr	SPRG0+\n,3
	.endr
	ld	3,IN+R_VRSAVE(1)
	mtspr	VRSAVE,3
	ld	3,IN+R_TAR(1)
	mtspr	TAR,3
	ld	3,IN+R_FSCR(1)
	mtspr	FSCR,3
	ld	3,IN+R_CR(1)
	mtcr	3
	ld	3,IN+R_LR(1)
	mtlr	3
	ld	3,IN+R_CTR(1)
	mtctr	3
	ld	3,IN+R_XER(1)
	mtxer	3
	ld	3,IN+R_MSR(1)
	mtsrr1	3
	ld	3,IN+R_PC(1)
	mtsrr0	3
	li	3,0
	std	3,S_IDLE(0)
	ld	0,IN(1)
	.irp n,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	\n,IN+8*\n(1)
	.endr
	ld	1,IN+8(1)
	rfid

/* The reset vector: the first time to boot, later because the host wants the processor back. r1 is stored. */
reset:
	std	2,S_R2(0)
	mfcr	2
	std	2,S_CR(0)
	ld	1,S_UP(0)
	cmpdi	1,0
	beq	boot
	ld	1,S_IDLE(0)
	cmpdi	1,0
	bne	poll			/* the case ended just before */
	ld	2,S_CR(0)
	mtcr	2
	ld	2,S_R2(0)
	li	1,0x100
	b	common

boot:
	mfmsr	5
	li	6,1
	sldi	6,6,63
	or	6,6,5
	ori	6,6,0x1002		/* SF, ME, RI */
	mtmsrd	6
	isync
	lis	1,BOX@h
	std	5,B_MSR(1)
	std	3,B_TREE(1)
	mfpvr	5
	std	5,B_PVR(1)
	mfspr	5,FSCR
	std	5,OUT+R_FSCR(1)
	ori	5,5,FSCR_TAR
	mtspr	FSCR,5
	/* Vectors of scv: 0x17000 and 32 bytes for each level (Power ISA, Book III, 7.5). */
	lis	4,0x17000@h
	ori	4,4,0x17000@l
	lis	5,0x60217000@h		/* ori 1,1,0x7000 */
	ori	5,5,0x60217000@l
	li	6,128
	mtctr	6
	lis	7,(0xf8200000 + S_R1)@h	/* std 1,S_R1(0) */
	ori	7,7,(0xf8200000 + S_R1)@l
	lis	8,0x3c200001@h		/* lis 1,1 */
	ori	8,8,0x3c200001@l
	lis	9,(0x48000002 + COMMON)@h	/* ba COMMON */
	ori	9,9,(0x48000002 + COMMON)@l
1:	stw	7,0(4)
	stw	8,4(4)
	stw	5,8(4)
	stw	9,12(4)
	addi	4,4,32
	addi	5,5,32
	bdnz	1b
	li	5,1
	std	5,S_UP(0)
	std	5,S_IDLE(0)
	/* Whoever waits for an answer must see that the machine was reset, so count first. */
	ld	5,B_IN(1)
	ld	6,B_BOOTS(1)
	addi	6,6,1
	std	6,B_BOOTS(1)
	lwsync
	std	5,B_OUT(1)
	b	poll
