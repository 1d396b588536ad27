import type library from "koffi";

export declare function koffi(): typeof library;
